# The gateway's image: AWS Lambda's Python base, the gateway's own dependencies, app/ and schemas/.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

FROM ${BASE_IMAGE} AS build
COPY requirements/gateway.txt /tmp/gateway.txt
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        --target /build --requirement /tmp/gateway.txt
COPY app /build/app
COPY schemas /build/schemas
# Whoever runs the image may not write there, so the bytecode has to be in it.
RUN python -m compileall -q /build/app

FROM ${BASE_IMAGE}
ENV PYTHONUNBUFFERED=1
COPY --from=build /build /var/task
# Lambda runs every image as a user of its own; this is for any other host.
USER 65534:65534
CMD ["app.lambda_handler.handler"]
