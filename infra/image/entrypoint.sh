#!/bin/sh
# One word from app is a Lambda handler: AWS's own entrypoint runs it (without AWS_LAMBDA_RUNTIME_API in its emulator).
# Anything else is a command: python3 -m uvicorn … on any other host.
case "$#:$1" in
    1:app.*) exec /lambda-entrypoint.sh "$1" ;;
    *) exec "$@" ;;
esac
