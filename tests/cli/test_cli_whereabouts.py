"""Verbs find the proxy by its settings, as `ibmux serve` finds them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cli_stage import Command

from ibmux.cli import whereabouts
from ibmux.cli.exits import Exit
from ibmux.cli.whereabouts import Address, find_proxy, url_of
from ibmux.config import MqttSettings
from ibmux.daemon import Proxy


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (MqttSettings(), None),
        (MqttSettings(host="0.0.0.0"), None),
        (MqttSettings(port=1999), "mqtt://127.0.0.1:1999"),
        (MqttSettings(host="0.0.0.0", port=1999), "mqtt://127.0.0.1:1999"),
        (MqttSettings(host="::", port=1999), "mqtt://127.0.0.1:1999"),
        (MqttSettings(host="10.0.0.5", port=1999), "mqtt://10.0.0.5:1999"),
        (MqttSettings(host="fd00::5", port=1999), "mqtt://[fd00::5]:1999"),
        (MqttSettings(socket=""), "mqtt://127.0.0.1:1883"),
        (MqttSettings(socket="/nowhere/mqtt.sock"), "mqtt://127.0.0.1:1883"),
        (MqttSettings(port=-1, tls_port=8883, host="gw.example"), "mqtts://gw.example:8883"),
        (MqttSettings(port=-1, websocket_port=9001), "ws://127.0.0.1:9001"),
        (MqttSettings(port=-1), None),
        (MqttSettings(url="mqtts://broker.example"), "mqtts://broker.example"),
    ],
)
def test_where_scripts_reach_a_proxy_with_these_settings(settings: MqttSettings, url: str | None) -> None:
    assert url_of(settings) == url


def test_a_socket_that_this_user_may_open_comes_first(tmp_path: Path) -> None:
    path = str(tmp_path / "m.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        assert url_of(MqttSettings(socket=path)) == f"unix://{path}"
    Path(path).unlink()
    assert url_of(MqttSettings(socket=path)) == "mqtt://127.0.0.1:1883"


def test_a_file_in_a_usual_place_that_may_not_be_read_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proxy.toml"
    path.write_text("[mqtt]\nport = 1999\n[scripts.x]\ntoken_file = '/nowhere'\n")
    monkeypatch.setattr(whereabouts, "PLACES", (path,))
    assert find_proxy(None, None) == Address("mqtt://127.0.0.1:1999", f"[mqtt] in {path}")
    assert find_proxy("mqtt://elsewhere", None).url == "mqtt://elsewhere"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert find_proxy(None, None) == Address(None, "")
    assert find_proxy(None, path).url == "mqtt://127.0.0.1:1999"


async def test_status_finds_the_proxy_by_its_settings(command: Command, proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "named.toml"
    path.write_text(f"[mqtt]\nport = {proxy.ports['mqtt']}\n[scripts.x]\ntoken_file = '/nowhere'\n")
    by_option = await command("status", "--config", str(path))
    by_variable = await command("positions", IBMUX_CONFIG=str(path))
    assert (by_option.code, by_variable.code) == (Exit.OK, Exit.OK), (by_option, by_variable)
    elsewhere = await command("status", "--config", str(path), IBMUX_URL="mqtt://127.0.0.1:1")
    assert elsewhere.code == Exit.UNREACHABLE
    gone = await command("status", "--config", str(path), IBMUX_MQTT__PORT="1")
    assert gone.code == Exit.UNREACHABLE
    assert f"The url comes from [mqtt] in {path} and IBMUX_MQTT__ variables" in gone.err
    wrong = await command("status", IBMUX_MQTT__PORT="many")
    assert wrong.code == Exit.USAGE
    assert "mqtt: " in wrong.err and "port" in wrong.err
