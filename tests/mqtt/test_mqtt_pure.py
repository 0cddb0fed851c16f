"""The parts without sockets: filters, subscriptions, text screening, framing, retained messages, publications."""

from __future__ import annotations

from typing import Any

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import ConnectPacket, PublishPacket, QoS, SubscribePacket, UnsubscribePacket, Will
from mqtt_raw import wish

from ibmux.mqtt.aliases import HIGHEST, AliasBook
from ibmux.mqtt.faults import Fault
from ibmux.mqtt.filters import compile_filter, is_filter, is_name, split_share
from ibmux.mqtt.framing import Frames, decode
from ibmux.mqtt.message import Message
from ibmux.mqtt.pauses import pauses
from ibmux.mqtt.publication import Publication
from ibmux.mqtt.retained import Retained
from ibmux.mqtt.screening import is_sound
from ibmux.mqtt.subscriptions import Options, Subscriptions

LEVELS = st.sampled_from(["a", "b", "", "$s", "é"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = (
    st.tuples(st.lists(st.sampled_from(["a", "b", "", "$s", "+"]), max_size=4), st.sampled_from([[], ["#"]]))
    .map(lambda parts: "/".join(parts[0] + parts[1]))
    .filter(bool)
)


def matches(pattern: str, topic: str) -> bool:
    """The rules of section 4.7, word by word."""
    if topic.startswith("$") and pattern[0] in "+#":
        return False
    wanted, levels = pattern.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


@given(FILTERS, TOPICS)
def test_a_compiled_filter_matches_as_the_rules_say(pattern: str, topic: str) -> None:
    assert compile_filter(pattern)(topic) == matches(pattern, topic)


@given(st.lists(st.tuples(FILTERS, st.sampled_from("xyz"), st.booleans()), max_size=12), st.lists(TOPICS, max_size=4))
def test_routes_are_what_the_filters_say(steps: list[tuple[str, str, bool]], topics: list[str]) -> None:
    tree: Subscriptions[str] = Subscriptions()
    held: set[tuple[str, str]] = set()
    for pattern, owner, keep in steps:
        if keep:
            assert tree.add(pattern, owner, Options(1)) is ((pattern, owner) not in held)
            held.add((pattern, owner))
        else:
            assert tree.remove(pattern, owner) is ((pattern, owner) in held)
            held.discard((pattern, owner))
        for topic in topics:
            expected = {who for wanted, who in held if matches(wanted, topic)}
            assert {who for who, _ in tree.route(topic).plain} == expected
        assert tree.count == len(held)
    for pattern, owner in held:
        tree.remove(pattern, owner)
    assert tree._root.is_bare


def test_options_of_overlapping_filters_are_joined() -> None:
    tree: Subscriptions[str] = Subscriptions()
    tree.add("a/+", "x", Options(0, no_local=True, identifier=4))
    tree.add("a/#", "x", Options(2, as_published=True))
    (entry,) = tree.route("a/b").special
    assert (entry.qos, entry.no_local, entry.as_published, entry.ids) == (2, False, True, (4,))


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        *((pattern, True) for pattern in ("a", "#", "+", "/", "a/+/#", "+/+", "$s/#")),
        *((pattern, False) for pattern in ("", "a#", "#/a", "a/b+", "a/+b/c", "a\0")),
    ],
)
def test_filters(pattern: str, good: bool) -> None:
    assert is_filter(pattern) is good
    assert is_name(pattern) is (good and "+" not in pattern and "#" not in pattern)


def test_shared_filters() -> None:
    assert split_share("$share/g/a/#") == ("g", "a/#")
    assert split_share("$shared/g") == ("", "$shared/g")
    for bad in ("$share/", "$share/g", "$share//a", "$share/g/", "$share/g+/a"):
        with pytest.raises(ValueError, match="not a shared subscription"):
            split_share(bad)


# -- text ------------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0+#"), min_size=1, max_size=6)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": TEXT,
        "response_topic": TEXT,
        "correlation_data": st.binary(max_size=8),
        "message_expiry_interval": st.integers(0, 2**32 - 1),
        "user_properties": st.lists(st.tuples(TEXT, TEXT), max_size=3),
    },
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["publish", "connect", "subscribe", "unsubscribe", "puback", "disconnect"]))
    if kind == "publish":
        qos = draw(st.integers(0, 2))
        options: dict[str, Any] = draw(PROPERTIES)
        number = draw(st.integers(1, 65535)) if qos else None
        packet: Any = PublishPacket(draw(TEXT), draw(st.binary(max_size=9)), qos=QoS(qos), packet_id=number, **options)
    elif kind == "connect":
        will = Will(draw(TEXT), payload=draw(st.binary(max_size=5)), content_type=draw(TEXT))
        packet = ConnectPacket(
            draw(TEXT),
            username=draw(st.none() | TEXT),
            password=draw(st.none() | st.binary(max_size=5)),
            will=draw(st.sampled_from([None, will])),
            session_expiry_interval=draw(st.integers(0, 2**32 - 1)),
            user_properties=draw(st.lists(st.tuples(TEXT, TEXT), max_size=2)),
        )
    elif kind == "subscribe":
        wishes = [wish(one, draw(st.integers(0, 2))) for one in draw(st.lists(TEXT, min_size=1, max_size=3))]
        packet = SubscribePacket(draw(st.integers(1, 65535)), wishes, subscription_id=draw(st.none() | st.just(200)))
    elif kind == "unsubscribe":
        packet = UnsubscribePacket(draw(st.integers(1, 65535)), draw(st.lists(TEXT, min_size=1, max_size=3)))
    elif kind == "puback":
        packet = mqtt5.PubAckPacket(draw(st.integers(1, 65535)), reason_str=draw(st.none() | TEXT))
    else:
        packet = mqtt5.DisconnectPacket(reason_str=draw(TEXT), user_properties=[(draw(TEXT), draw(TEXT))])
    data: bytes = packet.write()
    return data


@given(packets())
def test_sound_packets_pass(data: bytes) -> None:
    assert is_sound(memoryview(data))
    assert decode(memoryview(data)).write() == data


@given(packets(), st.data())
def test_the_codec_never_panics_on_what_passes(data: bytes, chance: st.DataObject) -> None:
    """Whatever byte is changed: a packet is either refused as malformed or read, and the codec never sees bad text."""
    changed = bytearray(data)
    place = chance.draw(st.integers(2, max(2, len(data) - 1)))
    changed[min(place, len(data) - 1)] = chance.draw(st.sampled_from([0x80, 0xC3, 0xED, 0xFF, 0x00, 0x26]))
    frame = memoryview(bytes(changed))
    try:
        if is_sound(frame):
            mqtt5.read(frame)
    except (ValueError, IndexError):
        return


# -- framing ---------------------------------------------------------------------------------------------------------


@given(st.lists(packets(), min_size=1, max_size=5), st.data())
def test_packets_are_found_in_any_pieces(written: list[bytes], chance: st.DataObject) -> None:
    stream, frames, found = b"".join(written), Frames(1 << 20), []
    while stream:
        size = chance.draw(st.integers(1, len(stream)))
        found += [bytes(frame) for frame in frames.feed(stream[:size])]
        stream = stream[size:]
    assert found == written


def test_a_large_packet_is_refused_before_it_is_gathered() -> None:
    frames = Frames(100)
    assert [bytes(frame) for frame in frames.feed(b"\xc0\x00")] == [b"\xc0\x00"]
    with pytest.raises(Fault, match="a packet may have 100 bytes"):
        list(frames.feed(b"\x30\x80\x01"))


# -- messages --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 65535), st.integers(0, 400), TEXT)
def test_numbered_packets_are_what_the_codec_would_write(number: int, size: int, topic: str) -> None:
    publication = Publication(topic, b"z" * size, 1, expiry=9)
    for qos in (1, 2):
        expected = PublishPacket(topic, b"z" * size, qos=QoS(qos), packet_id=number, message_expiry_interval=9)
        assert publication.numbered(number, qos) == expected.write()


def test_retained_messages_die_in_time() -> None:
    now = 0.0
    store = Retained(2, lambda: now)
    assert store.put(Publication("a", b"1", retain=True, expiry=10, born=now))
    assert store.put(Publication("b", b"2", retain=True))
    assert not store.put(Publication("c", b"3", retain=True))
    assert sorted(store.topics("#")) == ["a", "b"]
    now = 10.0
    assert store.get("a") is None
    assert store.put(Publication("c", b"3", retain=True, expiry=5, born=now))
    now = 15.0
    assert store.put(Publication("d", b"4", retain=True))
    assert sorted(store) == ["b", "d"]
    assert list(store.topics("c")) == []


def test_aliases_are_for_streams_and_bounded() -> None:
    book = AliasBook(lambda topic: topic.startswith("s"))
    assert [book.number(topic) for topic in ("s1", "x", "s2", "s1")] == [1, 0, 2, 1]
    for i in range(HIGHEST):
        book.number(f"s{i}")
    assert book.number("s-one-more") == 0


def test_a_message_is_acknowledged_once() -> None:
    done: list[int] = []
    message = Message("a", b"", completion=lambda: done.append(1))
    message.ack()
    message.ack()
    Message("a", b"").ack()
    assert done == [1]


def test_pauses_grow_to_five_seconds() -> None:
    steps = pauses()
    found = [next(steps) for _ in range(30)]
    assert 0.075 <= found[0] <= 0.125
    assert all(3.75 <= pause <= 6.25 for pause in found[10:])
