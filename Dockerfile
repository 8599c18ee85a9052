# syntax=docker/dockerfile:1
# Two stages: packages by their locked hashes, then a small image that runs as nobody in particular.
FROM python:3.11-slim AS packages
WORKDIR /srv/kimp
COPY requirements.lock ./
RUN python -m venv /opt/kimp \
    && /opt/kimp/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements.lock

FROM python:3.11-slim
ENV PATH=/opt/kimp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KIMP_DATA_DIR=/data
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin kimp \
    && install -d -o kimp -g kimp -m 0700 /data
WORKDIR /srv/kimp
COPY --from=packages /opt/kimp /opt/kimp
COPY alembic.ini ./
COPY alembic ./alembic
COPY static ./static
COPY app ./app
USER 10001
# The compiled kernels land in the volume's first content, so the first page is not late.
RUN python -m app warm
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-m", "app", "health"]
CMD ["python", "-m", "app", "serve"]
