FROM python:3.13-slim AS packages
COPY requirements-uv.lock requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.lock \
    && /venv/bin/uv pip sync --no-cache --compile-bytecode --python /venv/bin/python requirements.lock \
    && /venv/bin/uv pip uninstall --python /venv/bin/python uv pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/folkmoot --shell /usr/sbin/nologin folkmoot \
    && install -d -o folkmoot -g folkmoot -m 0700 /var/lib/folkmoot
COPY --from=packages /venv /venv
WORKDIR /app
COPY LICENSE ./
COPY migrations migrations
COPY server server
COPY moderation moderation
COPY federation federation
COPY web web
RUN python -m compileall -q server moderation federation web
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    FOLKMOOT_DATA_DIR=/var/lib/folkmoot \
    FOLKMOOT_BIND=0.0.0.0:8000
USER folkmoot
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "-P", "-m", "server"]
CMD ["run"]
