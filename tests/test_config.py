"""Settings: file and environment, and the words of each error."""

import pytest

from ibmux.config import build, load
from ibmux.errors import ConfigError


def write(tmp_path, text):
    path = tmp_path / "proxy.toml"
    path.write_text(text)
    return path


def test_without_a_file_there_is_one_gateway_on_the_usual_port():
    config = load(None, {})
    assert [(gateway.name, gateway.port) for gateway in config.gateways.values()] == [("paper", 4002)]
    assert config.default_role == "read"


def test_the_environment_lies_over_the_file(tmp_path):
    path = write(tmp_path, "[gateways.live]\nport = 4001\nkind = 'live'\n[mqtt]\nport = 1884\n")
    config = load(path, {"IBMUX_MQTT__PORT": "1999", "IBMUX_GATEWAYS__LIVE__HOST": "ib", "IBMUX_DEFAULT_ROLE": "trade"})
    assert (config.mqtt.port, config.gateways["live"].host, config.gateways["live"].port) == (1999, "ib", 4001)
    assert config.default_role == "trade" and config.gateways["live"].name == "live"


def test_accounts_in_the_environment_are_separated_by_commas():
    config = load(None, {"IBMUX_GATEWAYS__PAPER__ACCOUNTS": "DU1,DU2"})
    assert config.gateways["paper"].accounts == ("DU1", "DU2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gateways.a]\nprt = 1", r"there is no key `prt`"),
        ("[gateways.a]\nport = 'x'", r"port"),
        ("[gateways.a]\nport = 0", r"gateways\.a\.port is 0"),
        ("[gateways.a]\nmessages_per_second = 60", "at most 50"),
        ("[gateways.proxy]\n", "gateways.proxy"),
        ("[scripts.'a/b']\n", "scripts.a/b"),
        ("[scripts.a]\nrole = 'boss'", "boss"),
        ("[mqtt]\nurl = 'http://x'", "mqtt.url"),
        ("[mqtt]\ntls_port = 8883", "tls_certificate"),
        ("[mqtt]\nport = 99999", r"<= 65535 - at `mqtt\.port`"),
        ("[http]\nport = -2", r">= -1 - at `http\.port`"),
        ("[mqtt]\ngather = 2", "from 0 to 1 second"),
        ("[gateways.a]\nlines = 0", "lines"),
        ("[gateways.a]\nclient_id = -1", "client_id"),
        ("drain_timeout = -1", "drain_timeout"),
        ("[limits]\norder_value = -1", r"limits\.order_value"),
        ("[limits]\norder_value = nan", r"limits\.order_value"),
        ("[limits]\nprice_band = 5", r"limits\.price_band is 5; it is a share: write 0\.05 for 5 %"),
        ("[scripts.a]\nprice_band = 1", r"scripts\.a\.price_band"),
        ("[scripts.a]\norders_per_day = 0.5", "orders_per_day"),
        ("[gateways.a]\nprice_band = 2", r"gateways\.a\.price_band"),
        ("[gateways.a]\nrejections = -1", "rejections"),
        ("port = = 1", "not TOML"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load(write(tmp_path, text), {})
    assert "proxy.toml" in str(caught.value)


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_origins_in_the_environment_are_separated_by_commas():
    config = load(None, {"IBMUX_MQTT__WEBSOCKET_ORIGINS": "http://a:1,http://b"})
    assert config.mqtt.websocket_origins == ("http://a:1", "http://b")


def test_an_error_says_that_the_environment_took_part(tmp_path):
    path = write(tmp_path, "[mqtt]\nport = 1\n")
    with pytest.raises(ConfigError, match=r"proxy\.toml and the environment: .*mqtt\.port"):
        load(path, {"IBMUX_MQTT__PORT": "many"})
    with pytest.raises(ConfigError, match="IBMUX_DRAIN_TIMEOUT__X"):
        load(path, {"IBMUX_DRAIN_TIMEOUT": "1", "IBMUX_DRAIN_TIMEOUT__X": "1"})


def test_a_token_may_lie_in_a_file(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    config = build({"scripts": {"a": {"role": "trade", "token_file": str(secret)}}}, "test")
    assert config.scripts["a"].token == "s3cret"
    with pytest.raises(ConfigError, match=r"scripts\.a\.token_file"):
        build({"scripts": {"a": {"token_file": str(tmp_path / "none")}}}, "test")
