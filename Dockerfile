# docker build -t mock-lightstep-satellite .
#
# Wheel, dependencies, runtime: what builds is not in what runs, and a change of our code leaves the dependencies' layer
# alone. All that comes from outside is checked against the hashes of the lock files.

FROM python:3.12-slim AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements-dev.lock ./
# Of the development lock only the build backend; pip refuses if one of its dependencies is not among these.
RUN awk '/^[A-Za-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } keep' requirements-dev.lock > build.lock \
    && pip install --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY satellite ./satellite
COPY mock_lightstep_satellite ./mock_lightstep_satellite
RUN python -m hatchling build -t wheel -d /dist

FROM python:3.12-slim AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN python -m venv /opt/satellite \
    && /opt/satellite/bin/pip install --require-hashes --only-binary :all: --no-compile -r requirements.lock
COPY --from=wheel /dist/*.whl /dist/
# pip has done its work; what is compiled now need not be written to a read-only file system later.
RUN /opt/satellite/bin/pip install --no-deps --no-index --no-compile /dist/*.whl \
    && /opt/satellite/bin/pip uninstall --yes pip \
    && /opt/satellite/bin/python -m compileall -q /opt/satellite/lib

FROM python:3.12-slim
RUN groupadd --gid 1000 satellite \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /var/lib/satellite --shell /usr/sbin/nologin satellite \
    && install --directory --owner=1000 --group=1000 --mode=0700 /var/lib/satellite /var/lib/satellite/certs /var/lib/satellite/data
COPY --from=dependencies /opt/satellite /opt/satellite
ENV PATH=/opt/satellite/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    COLLECTOR_CERT_DIR=/var/lib/satellite/certs \
    COLLECTOR_DATA_DIR=/var/lib/satellite/data
# The satellite's CA and its spans: keep this volume and proxies that trust it stay connected, and all is there after a
# restart. Nothing else is written anywhere, so
# `docker run --read-only` works.
VOLUME /var/lib/satellite
USER 1000:1000
# gRPC TLS and plain, HTTP TLS and plain, any protocol TLS and plain and of developer satellites, admin plain and TLS,
# Explorer; the usual ports of OTLP (gRPC, HTTP), Zipkin, Jaeger (gRPC, HTTP)
EXPOSE 9292 8184 9191 8181 9393 8383 8360 8180 9090 8000 4317 4318 9411 14250 14268
HEALTHCHECK --interval=20s --timeout=15s --start-period=5s --retries=3 CMD ["satellite", "healthcheck"]
ENTRYPOINT ["satellite"]
CMD ["serve"]
