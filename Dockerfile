# docker build -t mock-lightstep-satellite .
#
# Pages, wheel, dependencies, package, runtime: what builds is not in what runs, and a change of our code leaves the dependencies'
# layer alone. All that comes from outside is checked against the hashes of the lock files.

FROM node:24-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:3.12-slim AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements-dev.lock ./
# Of the development lock only the build backend; pip refuses if one of its dependencies is not among these.
RUN awk '/^[A-Za-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } keep' requirements-dev.lock > build.lock \
    && pip install --require-hashes -r build.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY satellite ./satellite
COPY mock_lightstep_satellite ./mock_lightstep_satellite
COPY --from=pages /src/satellite/ui ./satellite/ui
RUN python -m hatchling build -t wheel -d /dist

FROM python:3.12-slim AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
# Of Arrow we need the columns: not its Flight server, its S3 client, its headers, its second and third copy of one
# library. What is compiled now need not be written to a read-only file system later.
RUN python -m venv --without-pip /opt/satellite \
    && pip --python /opt/satellite/bin/python install --require-hashes --only-binary :all: --no-compile -r requirements.lock \
    && cd /opt/satellite/lib/python3.12/site-packages \
    && rm -r pyarrow/libarrow_flight* pyarrow/_flight* pyarrow/libarrow_s3* pyarrow/_s3fs* pyarrow/include pyarrow/includes \
        pyarrow/src pyarrow/libarrow_python.so pyarrow/libarrow_python.so.*.* \
    && find . -name tests -type d -prune -exec rm -r {} + \
    && find . '(' -name "*.pyx" -o -name "*.px[di]" ')' -delete \
    && /opt/satellite/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/satellite/lib

FROM dependencies AS package
COPY --from=wheel /dist/*.whl /dist/
RUN pip --python /opt/satellite/bin/python install --no-deps --no-index --no-compile --prefix /package /dist/*.whl \
    && /opt/satellite/bin/python -m compileall -q --invalidation-mode unchecked-hash -s /package -p /opt/satellite /package/lib

FROM python:3.12-slim
RUN groupadd --gid 1000 satellite \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /var/lib/satellite --shell /usr/sbin/nologin satellite \
    && install --directory --owner=1000 --group=1000 --mode=0700 /var/lib/satellite /var/lib/satellite/certs /var/lib/satellite/data
# Two layers: the large one changes with the lock file, ours of a few MB with our code.
COPY --from=dependencies /opt/satellite /opt/satellite
COPY --from=package /package /opt/satellite
ENV PATH=/opt/satellite/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    COLLECTOR_CERT_DIR=/var/lib/satellite/certs \
    COLLECTOR_DATA_DIR=/var/lib/satellite/data
# The satellite's CA and its spans: keep this volume and proxies that trust it stay connected, and all is there after a
# restart. Nothing else is written anywhere, so `docker run --read-only` works.
VOLUME /var/lib/satellite
USER 1000:1000
# gRPC TLS and plain, HTTP TLS and plain, any protocol TLS and plain and of developer satellites, admin plain and TLS,
# Explorer; the usual ports of OTLP (gRPC, HTTP), Zipkin, Jaeger (gRPC, HTTP)
EXPOSE 9292 8184 9191 8181 9393 8383 8360 8180 9090 8000 4317 4318 9411 14250 14268
HEALTHCHECK --interval=20s --timeout=15s --start-period=5s --retries=3 CMD ["satellite", "healthcheck"]
ENTRYPOINT ["satellite"]
CMD ["serve"]
