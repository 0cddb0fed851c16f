"""What carries the MQTT door as configured: the embedded endpoint, or a link to an outside broker."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ibmux import places, topics
from ibmux.config import Config, MqttSettings, read_secret
from ibmux.doors.access import Identity, identify, may_publish, may_subscribe
from ibmux.errors import ConfigError
from ibmux.messages import encode
from ibmux.messages.session import ProxyStatus
from ibmux.mqtt.client import Link, Will
from ibmux.mqtt.server import (
    Client,
    ConnectRefused,
    Credentials,
    Endpoint,
    Grant,
    Limits,
    Listener,
    TcpListener,
    UnixListener,
    WebSocketListener,
)

BAD_USER_OR_PASSWORD = 0x86
SESSION_EXPIRY = 300
"""Seconds for which an outside broker keeps requests for a proxy that lost its connection."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """The bus, and the names of its listeners in the order of its ports."""

    bus: Endpoint | Link
    listeners: tuple[str, ...]

    @property
    def ports(self) -> dict[str, int]:
        """Bound ports by kind of listener (`mqtt`, `tls`, `ws`)."""
        if not isinstance(self.bus, Endpoint):
            return {}
        return {name: port for name, port in zip(self.listeners, self.bus.ports, strict=False) if port}

    @property
    def up(self) -> bool:
        """Whether scripts can be reached."""
        return self.bus.connected if isinstance(self.bus, Link) else bool(self.bus.ports)


def build_carrier(
    config: Config, on_client_gone: Callable[[str, str], None], on_connect: Callable[[bool], None]
) -> Carrier:
    """The endpoint, or with `[mqtt] url` the link.

    Raises:
        ConfigError: a certificate or a secret cannot be read.
    """
    if config.mqtt.url:
        return Carrier(_link(config.mqtt, on_connect), ())
    listeners = _listeners(config.mqtt)
    endpoint = Endpoint(
        list(listeners.values()),
        limits=_limits(config.mqtt),
        authenticate=lambda credentials: _authenticate(config, credentials),
        authorize_publish=lambda client, topic: may_publish(client.username, topic),
        authorize_subscribe=lambda client, pattern: may_subscribe(_identity(client), pattern),
        on_client_gone=on_client_gone,
    )
    return Carrier(endpoint, tuple(listeners))


def _authenticate(config: Config, credentials: Credentials) -> Grant:
    name = credentials.username or credentials.client_id
    identity = identify(config, credentials.client_id, credentials.username or "", credentials.password or b"")
    if identity is None:
        reason = "its token is missing or wrong" if name in config.scripts else "this is no name for a script"
        raise ConnectRefused(BAD_USER_OR_PASSWORD, f"{name!r} is not let in: {reason}")
    return Grant(identity.script, identity)


def _identity(client: Client) -> Identity:
    return client.data if isinstance(client.data, Identity) else Identity(client.username, "read")


def _listeners(settings: MqttSettings) -> dict[str, Listener]:
    listeners: dict[str, Listener] = {}
    if settings.port >= 0:
        listeners["mqtt"] = TcpListener(settings.host, settings.port)
    if settings.tls_port >= 0:
        listeners["tls"] = TcpListener(settings.host, settings.tls_port, _tls(settings))
    if settings.websocket_port >= 0:
        listeners["ws"] = WebSocketListener(settings.host, settings.websocket_port, origins=settings.websocket_origins)
    if socket := _socket(settings):
        listeners["unix"] = UnixListener(socket)
    return listeners


def _socket(settings: MqttSettings) -> str:
    if settings.socket != "auto":
        return settings.socket
    return places.socket_to_open() if settings.port == places.PORT else ""


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.tls_certificate, mqtt.tls_key: {error}.") from None
    return context


def _limits(settings: MqttSettings) -> Limits:
    return Limits(
        max_packet_size=settings.max_packet_size,
        max_connections=settings.max_connections,
        max_queued_bytes=settings.max_queued_bytes,
        gather=settings.gather,
    )


def _link(settings: MqttSettings, on_connect: Callable[[bool], None]) -> Link:
    password = read_secret(settings.password, settings.password_file, "mqtt.password_file")
    will = Will(topics.PROXY_STATUS, encode(ProxyStatus("offline", 0.0)), qos=1, retain=True)
    return Link(
        settings.url,
        client_id="ibmux",
        username=settings.username or None,
        password=password or None,
        will=will,
        clean_start=False,
        session_expiry=SESSION_EXPIRY,
        on_connect=on_connect,
    )
