"""Where the settings lie, and where the proxy of these settings is to be asked. Opens no connection."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from ibmux.client.ib import default_url
from ibmux.config import MqttSettings, load_mqtt
from ibmux.places import PORT, Endpoint

PLACES = (Path("proxy.toml"), Path("/etc/ibmux/proxy.toml"))
"""Where the settings are looked for when no file is named."""
ANYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
"""Hosts to listen on that are none to connect to."""


class Address(NamedTuple):
    """A url, `None` for the usual places of this machine, and what says so, in words."""

    url: str | None
    source: str


def find_settings(named: Path | None = None) -> Path | None:
    """The file that `ibmux serve` would read: the one that is named, else the first of the usual places, or none."""
    return named or next((place for place in PLACES if place.is_file()), None)


def find_proxy(url: str | None, named: Path | None) -> Address:
    """Where the proxy listens: the url that is given, else what its settings say.

    A file in a usual place that this user may not read says nothing; one that is named has to be readable.

    Raises:
        ConfigError: the file cannot be used.
    """
    if url:
        return Address(url, "--url or IBMUX_URL")
    path = find_settings(named)
    if path is not None and named is None and not os.access(path, os.R_OK):
        path = None
    where = url_of(load_mqtt(path))
    variables = ["IBMUX_MQTT__ variables"] if any(name.startswith("IBMUX_MQTT__") for name in os.environ) else []
    sources = [*([f"[mqtt] in {path}"] if path else []), *variables]
    return Address(where, " and ".join(sources)) if where else Address(None, "")


def url_of(settings: MqttSettings) -> str | None:
    """Where scripts of this machine reach a proxy with these settings; `None` if it is where they look anyway."""
    if settings.url:
        return settings.url
    if settings.socket not in ("", "auto") and _may_open(settings.socket):
        return f"unix://{settings.socket}"
    local = settings.host in {*ANYWHERE, "127.0.0.1", "localhost"}
    if settings.socket == "auto" and settings.port == PORT and (local or default_url().startswith("unix:")):
        return None
    host = "127.0.0.1" if settings.host in ANYWHERE else settings.host
    doors = {"mqtt": settings.port, "mqtts": settings.tls_port, "ws": settings.websocket_port}
    return next((f"{scheme}://{Endpoint(host, port)}" for scheme, port in doors.items() if port > 0), None)


def _may_open(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode) and os.access(path, os.W_OK)
    except OSError:
        return False
