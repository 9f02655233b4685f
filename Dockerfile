FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY bots bots
RUN python -m venv /opt/confab && /opt/confab/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/confab /opt/confab
RUN groupadd --system --gid 10001 confab \
    && useradd --system --uid 10001 --gid confab --home-dir /data --shell /usr/sbin/nologin confab \
    && install --directory --owner=confab --group=confab --mode=0700 /data
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
