# The digest is that of an index, with an image for each architecture. A newer one, and then `make test`:
# docker buildx imagetools inspect python:3.13-slim
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The locks name every distribution with its hashes, so nothing else is resolved. None has pip: sqlite-utils asks for it,
# and needs it only for a command of its own that is never run here.
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements-build.lock \
    && python -m venv --without-pip /opt/confab \
    && pip --python /opt/confab/bin/python install --no-cache-dir --require-hashes --no-deps --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY bots bots
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && pip --python /opt/confab/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# What installs programs has no work here, and would be a burglar's tool.
RUN pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* /usr/local/bin/pip* \
    && groupadd --system --gid 10001 confab \
    && useradd --system --uid 10001 --gid confab --home-dir /data --shell /usr/sbin/nologin confab \
    && install --directory --owner=confab --group=confab --mode=0700 /data
COPY --from=build /opt/confab /opt/confab
ENV PATH=/opt/confab/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_URL=sqlite:////data/confab.db \
    CONFAB_HTTP_HOST=0.0.0.0 \
    CONFAB_HTTP_PORT=8080
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["confab"]
CMD ["run"]
