"""docs/api.md is what the code says."""

import inspect
import re
from itertools import chain, combinations
from pathlib import Path

import pytest

from ibmux import apidoc, topics
from ibmux.errors import IbmuxError
from ibmux.messages import METHODS

DOCS = Path(__file__).parents[2] / "docs"
NOT_IN_THE_TABLE = {"request", "reply", "replies", "market", "escape"}
"""Request and reply stand in the introduction; `market` makes the topics of all streams."""


def test_the_committed_document_is_the_generated_one() -> None:
    committed = (DOCS / "api.md").read_text()
    assert committed == apidoc.render(), "run: python -m ibmux.apidoc > docs/api.md"


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_is_there(name: str) -> None:
    assert re.search(rf"`{name}(\(|`)", apidoc.render())


def test_every_topic_is_there() -> None:
    shown = {each.topic for each in apidoc.channels()}
    builders = {
        name: function
        for name, function in inspect.getmembers(topics, inspect.isfunction)
        if function.__module__ == topics.__name__ and inspect.signature(function).return_annotation == "str"
    }
    names = {"gateway": "<gw>", "con_id": "<conId>", "instance": "<instance>"}
    built = {topics.PROXY_STATUS, topics.PROXY_INFO}
    for name in set(builders) - NOT_IN_THE_TABLE:
        parameters = inspect.signature(builders[name]).parameters.values()
        optional = [each.name for each in parameters if each.default is not each.empty]
        for left_out in chain.from_iterable(combinations(optional, count) for count in range(len(optional) + 1)):
            kept = [each.name for each in parameters if each.name not in left_out]
            built.add(builders[name](**{each: names.get(each, f"<{each}>") for each in kept}))
    assert built == shown


def test_every_error_is_there() -> None:
    text = apidoc.render()
    assert [code for code in IbmuxError.registry if f"| `{code}` |" not in text] == []


def test_every_link_leads_to_a_heading() -> None:
    text = apidoc.render()
    headings = {match.lower() for match in re.findall(r"^### (\w+)$", text, re.M)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= headings


@pytest.mark.parametrize(
    ("kind", "text"),
    [(list[float | None], "list[float | nil]"), (dict[str, bool], "map[str, bool]"), (str, "str")],
)
def test_types_are_written_for_any_language(kind: object, text: str) -> None:
    assert apidoc.type_name(kind) == text
