# One image for every service: `python -m services.<name>` is the command, and `labelwright` is there to look at it.
# A smaller image for one class of services: `docker build --build-arg EXTRAS=gateway -t labelwright:gateway .`
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
# only wheels whose hash is in the lock, so nothing is compiled and nothing else gets in
RUN pip download --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements.lock -d /wheels
COPY pyproject.toml README.md ./
COPY shared shared
RUN pip wheel --no-cache-dir --no-deps -w /wheels .
ARG EXTRAS=all
RUN python -m venv --without-pip /opt/labelwright \
    && pip --python /opt/labelwright install --no-cache-dir --no-index --find-links /wheels "labelwright[${EXTRAS}]"

FROM python:3.11-slim
LABEL org.opencontainers.image.title="labelwright" \
      org.opencontainers.image.description="Turns product feedback into labels that come with a probability you may believe" \
      org.opencontainers.image.licenses="Apache-2.0"
# PYTHONPATH: the services are no part of the package; HOME: nothing is written but to /tmp and /data
ENV PATH=/opt/labelwright/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    LABELWRIGHT_HOST=0.0.0.0 \
    LABELWRIGHT_DATA=/data
WORKDIR /app
COPY --from=build /opt/labelwright /opt/labelwright
COPY services services
RUN python -m compileall -q services && install -d -o 65532 -g 65532 /data
USER 65532:65532
EXPOSE 7070 7071 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ.get(\"LABELWRIGHT_PORT\", 9090)}/healthz', timeout=2)"]
CMD ["labelwright", "--help"]
