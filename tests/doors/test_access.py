"""Who may say what where at the embedded endpoint."""

import pytest

from ibmux.config import Config, ScriptSettings
from ibmux.doors.access import Identity, identify, may_publish, may_subscribe, role_of

CONFIG = Config(scripts={"closer": ScriptSettings(role="trade", token="s3cret"), "viewer": ScriptSettings()})


def test_a_script_is_its_user_name_else_its_client_id():
    assert identify(CONFIG, "x", "viewer", b"") == Identity("viewer", "read")
    assert identify(CONFIG, "viewer", "", b"") == Identity("viewer", "read")
    assert identify(CONFIG, "anybody", "", b"") == Identity("anybody", "read")


def test_a_token_must_be_shown():
    assert identify(CONFIG, "", "closer", b"s3cret") == Identity("closer", "trade")
    assert identify(CONFIG, "", "closer", b"wrong") is None
    assert identify(CONFIG, "closer", "", b"") is None
    assert role_of(CONFIG, "closer") == "trade" and role_of(CONFIG, "anybody") == "read"


@pytest.mark.parametrize("name", ["a/b", "a+b", "#", "", " ", "x" * 65])
def test_a_name_must_be_one_level_of_a_topic(name):
    assert identify(CONFIG, "", name, b"") is None


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("ibmux/v1/paper/req/alice/positions", True),
        ("ibmux/v1/paper/req/bob/positions", False),
        ("ibmux/v1/scripts/alice/1", True),
        ("ibmux/v1/scripts/bob/1", False),
        ("ibmux/v1/paper/rep/alice/1", False),
        ("ibmux/v1/paper/evt/order/alice", False),
        ("ibmux/v1/proxy/status", False),
        ("other/v1/paper/req/alice/positions", False),
        ("ibmux/v1/paper/req/alice/a/b", False),
    ],
)
def test_a_script_publishes_under_its_own_name_alone(topic, allowed):
    assert may_publish("alice", topic) is allowed


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("ibmux/v1/+/rep/alice/#", True),
        ("ibmux/v1/+/rep/alice/1", True),
        ("ibmux/v1/+/rep/bob/1", False),
        ("ibmux/v1/+/rep/+/1", False),
        ("ibmux/v1/+/+/alice/1", True),
        ("ibmux/v1/paper/rep/#", False),
        ("ibmux/v1/paper/req/#", False),
        ("ibmux/v1/#", False),
        ("#", False),
        ("$share/g/ibmux/v1/+/rep/bob/1", False),
        ("$share/g/ibmux/v1/paper/evt/#", True),
        ("ibmux/v1/paper/evt/#", True),
        ("ibmux/v1/paper/md/+/tick", True),
        ("ibmux/v1/+/state/#", True),
        ("ibmux/v1/+/+", True),
        ("other/#", True),
    ],
)
def test_a_script_reads_everything_but_the_requests_and_replies_of_others(pattern, allowed):
    assert may_subscribe(Identity("alice", "read"), pattern) is allowed
    assert may_subscribe(Identity("alice", "admin"), pattern)


@pytest.mark.parametrize("name", ["rep", "v1", "ibmux", "req"])
def test_odd_names_open_no_door(name):
    assert not may_subscribe(Identity(name, "read"), "ibmux/v1/paper/rep/#")
    assert not may_subscribe(Identity(name, "read"), "+/+/+/+/other/1")
