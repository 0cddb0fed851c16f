"""Settings: `proxy.toml` plus the environment becomes one frozen tree, checked before anything starts.

An error names the file, the key and the remedy. Knows no other part of ibmux than its errors and the rules for names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from ibmux import topics
from ibmux.errors import ConfigError
from ibmux.settings import (
    Config,
    GatewaySettings,
    HttpSettings,
    JournalSettings,
    LimitSettings,
    LogSettings,
    MqttSettings,
    ScriptSettings,
    Settings,
)

__all__ = [
    "PREFIX",
    "Config",
    "GatewaySettings",
    "HttpSettings",
    "JournalSettings",
    "LimitSettings",
    "LogSettings",
    "MqttSettings",
    "ScriptSettings",
    "Settings",
    "build",
    "load",
    "load_mqtt",
    "load_table",
    "read_secret",
]

PREFIX = "IBMUX_"
"""Environment variables: `IBMUX_MQTT__PORT` sets `[mqtt] port`; two underscores stand for a dot."""
TOP = frozenset({f"{PREFIX}DEFAULT_ROLE", f"{PREFIX}DRAIN_TIMEOUT"})
"""Those of keys that are in no table."""
LISTS = frozenset({"accounts", "fallback", "websocket_origins"})
"""Keys whose values are separated by commas in the environment."""

SHORTEST_RETENTION = 8  # days; `reqExecutions` gives up to seven days' executions, as the trade log of TWS is set

Table = TypeVar("Table", bound=Settings)


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file (if given), lay the environment over it, check it.

    Raises:
        ConfigError: the file is missing, no TOML, or a value cannot be used.
    """
    tree, laid = _gather(path, environ)
    sources = [*([str(path)] if path else []), *(["the environment"] if laid or not path else [])]
    return build(tree, " and ".join(sources))


def load_mqtt(path: Path | None, environ: Mapping[str, str] = os.environ) -> MqttSettings:
    """Only `[mqtt]`, for those who look for the proxy; see `load_table`."""
    return load_table("mqtt", MqttSettings, path, environ)


def load_table(name: str, kind: type[Table], path: Path | None, environ: Mapping[str, str] = os.environ) -> Table:
    """Only the table of this name: the rest need not be right, nor its secrets readable.

    Raises:
        ConfigError: the file is missing, no TOML, or a value of this table cannot be used.
    """
    tree, _ = _gather(path, environ)
    try:
        return msgspec.convert(tree.get(name, {}), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path or 'the environment'}: {name}: {_in_words(str(error))}") from None


def _gather(path: Path | None, environ: Mapping[str, str]) -> tuple[dict[str, Any], bool]:
    """The file's values with the environment's laid over them, and whether that has any."""
    tree = _read(path) if path else {}
    laid = {name: text for name, text in environ.items() if name.startswith(PREFIX) and ("__" in name or name in TOP)}
    for name, text in laid.items():
        _lay(tree, name, text)
    return tree, bool(laid)


def build(tree: dict[str, Any], source: str) -> Config:
    """Turn a tree of plain values into checked settings.

    Raises:
        ConfigError: an unknown key or an unusable value; the message names it.
    """
    try:
        config = msgspec.convert(tree, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_in_words(str(error))}") from None
    named = {
        name: msgspec.structs.replace(each, name=name)
        for name, each in (config.gateways or {"paper": GatewaySettings()}).items()
    }
    config = msgspec.structs.replace(config, gateways=named, scripts=_with_tokens(config.scripts))
    _check(config, source)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.", hint="Give the file with --config PATH.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}.", hint="Give the file with --config PATH.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}.") from None


def _lay(tree: dict[str, Any], name: str, text: str) -> None:
    """Set one value from the environment: `IBMUX_GATEWAYS__PAPER__PORT=4004`."""
    *tables, key = (part.lower() for part in name[len(PREFIX) :].split("__"))
    place = tree
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{name}: {table} is no table of the settings.")
    place[key] = text.split(",") if key in LISTS else text


def _with_tokens(scripts: dict[str, ScriptSettings]) -> dict[str, ScriptSettings]:
    return {
        name: msgspec.structs.replace(
            each, token=read_secret(each.token, each.token_file, f"scripts.{name}.token_file")
        )
        for name, each in scripts.items()
    }


def read_secret(value: str, path: str, key: str) -> str:
    """A secret given directly, or the first line of the file that holds it.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not path:
        return value
    try:
        return Path(path).read_text().splitlines()[0].strip()
    except (OSError, IndexError) as error:
        raise ConfigError(f"{key}: cannot read {path}: {error}.") from None


def _check(config: Config, source: str) -> None:
    for name, gateway in config.gateways.items():
        if not topics.is_gateway_name(name):
            raise ConfigError(f"{source}: gateways.{name}: letters, digits, `_`, `-` and `.` only, and not `proxy`.")
        if not 0 < gateway.port < 65536:
            raise ConfigError(f"{source}: gateways.{name}.port is {gateway.port}; ports are 1 to 65535.")
        _check_fallback(gateway, f"{source}: gateways.{name}.fallback")
        if not 0 < gateway.messages_per_second <= 50:
            raise ConfigError(f"{source}: gateways.{name}.messages_per_second: the gateway takes at most 50.")
    for name in config.scripts:
        if not topics.is_name(name):
            raise ConfigError(f"{source}: scripts.{name}: letters, digits, `_`, `-` and `.` only, at most 64.")
    if config.mqtt.url and urlsplit(config.mqtt.url).scheme not in ("mqtt", "mqtts", "ws", "wss", "unix"):
        raise ConfigError(
            f"{source}: mqtt.url: {config.mqtt.url!r} does not start with mqtt://, mqtts://, ws:// or wss://."
        )
    for table, kinds in (("gateways", config.gateways), ("scripts", config.scripts)):
        for name, each in kinds.items():
            _check_band(each.price_band, f"{source}: {table}.{name}.price_band")
    _check_band(config.limits.price_band, f"{source}: limits.price_band")
    _check_journal(config.journal, source)
    if config.mqtt.gather > 1:
        raise ConfigError(f"{source}: mqtt.gather is {config.mqtt.gather}; it must be from 0 to 1 second.")
    if config.mqtt.tls_port >= 0 and not (config.mqtt.tls_certificate and config.mqtt.tls_key):
        raise ConfigError(f"{source}: mqtt.tls_port needs mqtt.tls_certificate and mqtt.tls_key (paths of PEM files).")


def _check_journal(journal: JournalSettings, source: str) -> None:
    if 0 < journal.retention < SHORTEST_RETENTION:
        raise ConfigError(
            f"{source}: journal.retention is {journal.retention}; it must be 0, or at least "
            f"{SHORTEST_RETENTION} days: a gateway may tell a week's fills again."
        )
    if 0 < journal.keep_archives <= journal.retention:
        raise ConfigError(
            f"{source}: journal.keep_archives is {journal.keep_archives}; it must be 0, or more than "
            f"journal.retention ({journal.retention}): orders go into an archive when they are as old as that."
        )


def _check_fallback(gateway: GatewaySettings, key: str) -> None:
    """Another endpoint may be another login: without `accounts` nobody could tell."""
    try:
        endpoints = gateway.endpoints
    except ValueError as error:
        raise ConfigError(f'{key}: {error}; write "127.0.0.1:7497".') from None
    if len(set(endpoints)) < len(endpoints):
        raise ConfigError(f"{key}: an endpoint is named twice, or is `host` and `port` again.")
    if gateway.fallback and not gateway.accounts:
        raise ConfigError(
            f"{key}: name `accounts`, too: ibmux falls back only within the same account, and must know which.",
            hint=f'Add accounts = ["DU1234567"] to [gateways.{gateway.name}].',
        )


def _check_band(band: float, key: str) -> None:
    if band >= 1:
        raise ConfigError(f"{key} is {band:g}; it is a share: write 0.05 for 5 %.")


def _in_words(text: str) -> str:
    return text.replace("Object contains unknown field", "there is no key").replace(" - at `$.", " - at `") + "."
