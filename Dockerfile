# The proxy in a container: `docker build -t ibmux .`; deploy/compose.yaml runs it beside IB Gateway and Prometheus.
# Settings come from the environment (IBMUX_GATEWAYS__PAPER__HOST=gateway), or from a file at /etc/ibmux/proxy.toml.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv --without-pip /opt/ibmux \
 && pip --python /opt/ibmux/bin/python install --no-cache-dir ".[proxy]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ibmux \
 && install --directory --owner ibmux --mode 0700 /var/lib/ibmux
COPY --from=build /opt/ibmux /opt/ibmux
ENV PATH=/opt/ibmux/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    IBMUX_MQTT__HOST=0.0.0.0 \
    IBMUX_HTTP__HOST=0.0.0.0 \
    IBMUX_LOG__FORMAT=json \
    IBMUX_JOURNAL__PATH=/var/lib/ibmux/journal.db
USER ibmux
# The journal of orders must outlive the container: give this volume a name, or the next container begins without it.
VOLUME /var/lib/ibmux
EXPOSE 1883 7001
STOPSIGNAL SIGTERM
# Alive, not ready: the gateway's nightly restart is no reason to restart the proxy.
HEALTHCHECK --interval=30s --timeout=6s --start-period=15s --retries=3 CMD ["ibmux", "healthcheck"]
ENTRYPOINT ["ibmux"]
CMD ["serve"]
