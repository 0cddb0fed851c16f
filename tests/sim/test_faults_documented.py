"""The document of the simulator shows the faults and the scenarios as they are."""

from __future__ import annotations

import re
from pathlib import Path

from ibmux.sim.faults.scenario import parse, shipped
from ibmux.sim.faults.verbs import VERBS, as_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"


def between(name: str) -> str:
    found = re.search(rf"<!-- {name}.*? -->\n(.*?)<!-- end of {name} -->", DOCUMENT.read_text(), re.DOTALL)
    assert found, name
    return found[1]


def test_the_table_of_faults() -> None:
    assert between("faults") == as_table(), "python -m ibmux.sim.faults.verbs writes the table"


def test_the_table_of_scenarios() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \|$", between("scenarios"), re.MULTILINE)
    texts = {name: f"{scenario.title} | {' '.join(scenario.text.split())}" for name, scenario in shipped().items()}
    assert rows == list(texts.items())


def test_the_example_of_a_scenario() -> None:
    [text] = re.findall(r"^```toml scenario\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    scenario = parse(text, "the document")
    assert [step.after for step in scenario.steps] == [570.0, 720.0]


def test_every_fault_has_a_sentence() -> None:
    for verb in VERBS.values():
        assert verb.help.endswith("."), verb.name
        assert "|" not in verb.help + verb.usage, verb.name
