"""docs/sessions.md says what the code does: its tables and its picture are made from the state machine's table."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ibmux.core import machine

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("session_states", DOCS / "session_states.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["states", "events"])
def test_the_committed_table_is_the_generated_one(script: ModuleType, name: str) -> None:
    text = (DOCS / "sessions.md").read_text()
    found = re.search(rf"<!-- {name}: (.+) -->\n(.*?)<!-- end of {name} -->", text, re.DOTALL)
    assert found is not None
    assert found[2] == getattr(script, name)(), f"run: {found[1]}"


def test_the_committed_picture_is_the_generated_one(script: ModuleType) -> None:
    assert (DOCS / "session.svg").read_text() == script.picture(), "run: python docs/session_states.py picture"


def test_every_move_of_the_machine_is_on_the_picture(script: ModuleType) -> None:
    """Counted the other way round: from the drawn labels, with groups taken apart, to the machine's own table."""
    moves = {
        (state, event, step.state)
        for state, row in machine.TABLE.items()
        for event, step in row.items()
        if step.state != state and event != script.EVERYWHERE
    }
    drawn = {
        (state, event, target)
        for (source, target), events in script.arrows().items()
        for state in script.GROUPS.get(source, (source,))
        for event in events
        if state != target
    }
    assert drawn == moves
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", script.picture())
    assert set(machine.STATES) <= set(texts)
    assert set(machine.EVENTS) <= set(re.findall(r"\w+", " ".join(texts)))


def test_every_state_but_the_last_can_be_drained(script: ModuleType) -> None:
    """It is drawn once, for all of them."""
    assert [state for state, row in machine.TABLE.items() if script.EVERYWHERE not in row] == ["stopped"]


def test_the_states_of_the_table_are_the_machines(script: ModuleType) -> None:
    named = re.findall(r"^\| `(\w+)`(?:,[^|]*)? \|", script.states(), re.MULTILINE)
    assert tuple(dict.fromkeys(named)) == machine.STATES
