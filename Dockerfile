# The gateway's image: AWS Lambda's Python base, the gateway's own dependencies, app/ and schemas/. Built by
# infra/image/build.sh, which adds the labels of version and revision.
# No HEALTHCHECK: Lambda ignores it, and a host that runs the command below asks /health and /ready itself.
#   IMAGE python3 -m uvicorn --factory app.main:create_app --host 0.0.0.0 --port 8000
#       --http app.http_protocol:Http --no-proxy-headers --no-server-header
#       --timeout-keep-alive 75 --timeout-graceful-shutdown 30
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

# Whoever runs the image may not write in it, so all bytecode is in it, and no file's time can make it stale; the modes
# of the files are not those of the machine that built it.
FROM ${BASE_IMAGE} AS dependencies
COPY requirements/gateway.txt infra/image/prune.py /tmp/build/
RUN python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes \
        --only-binary :all: --target /task --requirement /tmp/build/gateway.txt \
    && python3 /tmp/build/prune.py /task \
    && python3 -m compileall -q --invalidation-mode unchecked-hash -s /task -p /var/task /task \
    && chmod -R a+rX,go-w /task

FROM ${BASE_IMAGE} AS gateway
COPY app /task/app
COPY schemas /task/schemas
COPY infra/image/entrypoint.sh /sluice-entrypoint.sh
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /task -p /var/task /task \
    && chmod -R a+rX,go-w /task \
    && chmod 755 /sluice-entrypoint.sh

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="JSON records in over HTTP, judged at the door, on to a stream for Snowflake" \
      org.opencontainers.image.licenses="MIT"
# There are no plugins of pydantic; looking for some reads every package's metadata.
ENV PYTHONUNBUFFERED=1 PYDANTIC_DISABLE_PLUGINS=__all__
COPY --from=dependencies /task /var/task
COPY --from=gateway /sluice-entrypoint.sh /sluice-entrypoint.sh
COPY --from=gateway /task /var/task
# Lambda runs every image as a user of its own; this is for any other host.
USER 65534:65534
ENTRYPOINT ["/sluice-entrypoint.sh"]
CMD ["app.lambda_handler.handler"]
