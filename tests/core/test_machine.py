"""Every pair of state and event: the legal ones lead where the table of the design says, the others change nothing."""

from __future__ import annotations

import itertools

import pytest

from ibmux.core.machine import EVENTS, STATES, Effect, Event, step
from ibmux.messages.session import State

LEGAL: dict[tuple[State, Event], State] = {
    ("stopped", "start"): "connecting",
    ("connecting", "connected"): "syncing",
    ("connecting", "in_use"): "standby",
    ("connecting", "absent"): "waiting",
    ("waiting", "opened"): "connecting",
    ("ready", "home"): "connecting",
    ("cut", "home"): "connecting",
    ("connecting", "cut"): "connecting",
    ("connecting", "restored"): "connecting",
    ("connecting", "restored_bare"): "connecting",
    ("syncing", "synchronised"): "ready",
    ("syncing", "cut"): "cut",
    ("syncing", "restored"): "syncing",
    ("syncing", "restored_bare"): "syncing",
    ("ready", "cut"): "cut",
    ("ready", "restored"): "syncing",
    ("ready", "restored_bare"): "syncing",
    ("cut", "cut"): "cut",
    ("cut", "restored"): "syncing",
    ("cut", "restored_bare"): "syncing",
    ("parked", "resume"): "connecting",
    ("parked", "drain"): "draining",
    ("draining", "drained"): "stopped",
    ("draining", "drain"): "draining",
    ("draining", "lost"): "draining",
}
for linked in ("connecting", "syncing", "ready", "cut"):
    LEGAL |= {(linked, event): "waiting" for event in ("failed", "lost", "silent")}
    LEGAL |= {(linked, "unsuitable"): "parked", (linked, "park"): "parked", (linked, "drain"): "draining"}
for paused in ("waiting", "standby"):
    LEGAL |= {(paused, "due"): "connecting", (paused, "resume"): "connecting"}
    LEGAL |= {(paused, "park"): "parked", (paused, "drain"): "draining"}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(STATES, EVENTS)))
def test_every_pair_leads_where_the_design_says_or_nowhere(state: State, event: Event) -> None:
    taken = step(state, event)
    assert (taken.state if taken else None) == LEGAL.get((state, event))


def effects(state: State, event: Event) -> tuple[Effect, ...]:
    taken = step(state, event)
    assert taken is not None
    return taken.effects


@pytest.mark.parametrize("state", ["connecting", "syncing", "ready", "cut"])
@pytest.mark.parametrize("event", ["failed", "lost", "silent", "unsuitable", "park", "drain"])
def test_giving_a_connection_up_answers_everybody_and_closes_the_socket(state: State, event: Event) -> None:
    assert {"fail_pending", "close", "lose_streams"} <= set(effects(state, event))


def test_an_attempt_is_made_only_from_states_without_a_socket_or_after_it_was_closed() -> None:
    for state, event in itertools.product(STATES, EVENTS):
        taken = step(state, event)
        if taken is not None and "dial" in taken.effects and state not in ("stopped", "waiting", "standby", "parked"):
            assert event == "home"
            assert taken.effects.index("close") < taken.effects.index("dial")


def test_every_way_into_waiting_and_standby_arms_a_pause_or_a_knock_and_no_other_does() -> None:
    for state, event in itertools.product(STATES, EVENTS):
        taken = step(state, event)
        if taken is not None:
            armed = {"pause", "knock"} & set(taken.effects)
            assert len(armed) == (taken.state in ("waiting", "standby"))
            assert ("knock" in armed) == (event == "absent")


def test_ready_is_reached_by_a_download_alone() -> None:
    before = {(state, event) for (state, event), after in LEGAL.items() if after == "ready"}
    assert before == {("syncing", "synchronised")}
    for state, event in LEGAL:
        if LEGAL[state, event] == "syncing" and (state, event) != ("syncing", "restored"):
            assert "download" in effects(state, event)


def test_only_a_bare_restoration_subscribes_again() -> None:
    for state in ("syncing", "ready", "cut"):
        assert "lose_streams" in effects(state, "restored_bare")
        assert "lose_streams" not in effects(state, "restored")
