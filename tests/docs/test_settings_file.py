"""proxy.toml shows every key with its default, and nothing else."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from ibmux.config import Config, GatewaySettings, ScriptSettings, build, load

FILE = Path(__file__).parents[2] / "proxy.toml"
KEY = re.compile(r"#(?=[a-z_]+ = |\[)")
TABLES = {"gateways": GatewaySettings, "scripts": ScriptSettings}


def uncommented() -> str:
    return "\n".join(KEY.sub("", line, count=1) if KEY.match(line) else line for line in FILE.read_text().splitlines())


def keys(kind: type[msgspec.Struct], prefix: str = "") -> set[str]:
    """Every key of a table and of those in it; tables by name appear under the name that the file shows."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        if field.name in TABLES and not prefix:
            example = {"gateways": "paper", "scripts": "closing"}[field.name]
            found |= keys(TABLES[field.name], f"{field.name}.{example}.")
        elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= keys(field.type, f"{field.name}.")
        else:
            found.add(f"{prefix}{field.name}")
    return found - {"gateways.paper.name"}  # the table's own name


def flat(tree: dict, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in tree.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}"}
    return found


def test_every_key_is_shown() -> None:
    assert flat(tomllib.loads(uncommented())) == keys(Config)


def test_the_file_as_it_is_changes_nothing() -> None:
    assert load(FILE, {}) == load(None, {})


def test_every_key_is_shown_with_its_default() -> None:
    shown = build(tomllib.loads(uncommented()), "proxy.toml")
    assert shown.scripts == {"closing": ScriptSettings()}
    assert msgspec.structs.replace(shown, scripts={}) == load(None, {})


@pytest.mark.parametrize("key", sorted(keys(Config)))
def test_every_key_is_explained(key: str) -> None:
    """A comment stands above each key, or above the group that it is part of."""
    table, _, name = key.rpartition(".")
    lines = FILE.read_text().splitlines()
    start = lines.index(f"#[{table}]") if table else 0
    place = next(n for n, line in enumerate(lines) if n >= start and line.startswith(f"#{name} = "))
    while KEY.match(lines[place]):
        place -= 1
    assert lines[place].startswith("# ")
