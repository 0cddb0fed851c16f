"""Topics are built and parsed in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux import topics
from ibmux.errors import RequestError

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}", fullmatch=True)


@given(NAMES, NAMES, NAMES)
def test_what_is_built_is_parsed(gateway, script, last):
    assert topics.parse_request(topics.request(gateway, script, last)) == (gateway, script, last)
    assert topics.parse_reply(topics.reply(gateway, script, last)) == (gateway, script, last)
    assert topics.parse_presence(topics.presence(script, last)) == (script, last)


@pytest.mark.parametrize("topic", ["", "ibmux/v1/paper/req/a", "x/v1/paper/req/a/b", "ibmux/v1/paper/rep/a/b/c"])
def test_other_topics_are_no_requests(topic):
    with pytest.raises(RequestError):
        topics.parse_request(topic)
    with pytest.raises(RequestError):
        topics.parse_reply(topic)


@given(st.text())
def test_a_key_becomes_one_level(text):
    topic = topics.order_state("paper", "a", text)
    assert topic.count("/") == 6 and not set("+#\0") & set(topic)


def test_only_quotes_are_folded():
    assert topics.is_market_data(topics.quote("paper", 1))
    assert not topics.is_market_data(topics.tick("paper", 1))
    assert not topics.is_market_data(topics.order_event("paper", "quote"))
    assert topics.is_gateway_name("live") and not topics.is_gateway_name("proxy") and not topics.is_name("a/b")
    assert topics.bars("paper", 1, "5s", "TRADES").endswith("md/1/bar/5s/TRADES")
