"""Scenarios: small TOML files that say how a gateway is set and what happens to it when.

Reads and checks; an error names the file, the key and the remedy. `play` puts the steps on a gateway's agenda.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibmux.sim.faults.faults import FaultError, find_verb
from ibmux.sim.faults.verbs.kind import split_line, to_seconds
from ibmux.sim.instants import parse_start
from ibmux.sim.settings import Settings

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

KEYS = ("title", "text", "start", "length", "speed", "zone", "settings", "at")
STEP_KEYS = ("time", "after", "do")
DAY = re.compile(r"(?:\+(\d{1,2}) )?(\d{1,2}):(\d{2})(?::(\d{2}))?")
MAX_STEPS = 1000


class ScenarioError(ValueError):
    """A scenario that cannot be played; the text names the file, the key and the remedy."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done (`do`: lines as they are typed) so many simulated seconds after the start (`after`)."""

    after: float
    do: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, checked.

    Attributes:
        name: of the shipped scenario, or of the file.
        title, text: what it is, and what it promises.
        settings: of the gateway, with start and speed.
        steps: what happens, in order of time.
        length: simulated seconds until it is over.
    """

    name: str
    title: str
    text: str
    settings: Settings
    steps: tuple[Step, ...]
    length: float

    def play(self, gateway: SimulatedGateway) -> None:
        """Put the steps on the agenda of a gateway, counted from its clock's present."""
        for step in self.steps:
            gateway.after(step.after, partial(_do, gateway, step))
        gateway.after(self.length, lambda: gateway.log.add("step", f"{self.name} is over"))


def _do(gateway: SimulatedGateway, step: Step) -> None:
    for line in step.do:
        gateway.log.add("step", line)
        try:
            gateway.faults.do(line)
        except FaultError as error:
            gateway.log.add("error", str(error))


def shipped() -> dict[str, Scenario]:
    """The scenarios that come with the simulator, by name."""
    folder = resources.files("ibmux.sim.faults") / "scenarios"
    names = sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))
    return {name: load(name) for name in names}


def load(name: str, **changes: Any) -> Scenario:
    """A shipped scenario by its name, or one from a file by its path (with `/` or `.toml` in it).

    Args:
        name: the name or path.
        changes: settings that go before those of the scenario.

    Raises:
        ScenarioError: there is no such scenario, or it is not right.
    """
    if "/" in name or name.endswith(".toml"):
        try:
            return parse(Path(name).read_text(encoding="utf-8"), name, **changes)
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found = resources.files("ibmux.sim.faults") / "scenarios" / f"{name}.toml"
    if not found.is_file():
        names = sorted(each.name.removesuffix(".toml") for each in found.parent.iterdir())  # type: ignore[attr-defined]
        near = get_close_matches(name, names, n=2) or names
        raise ScenarioError(f"there is no scenario {name!r}; there is {', '.join(near)}, or a path to a .toml file")
    return parse(found.read_text(encoding="utf-8"), name, **changes)


def parse(text: str, name: str, **changes: Any) -> Scenario:
    """A scenario from its text; `name` is what errors call it.

    Raises:
        ScenarioError: it is not right.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: {error}") from error
    _check_keys(tree, KEYS, name, "")
    settings = _settings(tree, name, changes)
    zone = _zone(tree, name)
    steps = _steps(tree, name, settings, zone)
    last = steps[-1].after if steps else 0.0
    length = _length(tree.get("length", f"{last + 60:g}"), name, "length")
    return Scenario(
        Path(name).stem, str(tree.get("title", "")), str(tree.get("text", "")).strip(), settings, steps, length
    )


def _check_keys(tree: dict[str, Any], known: tuple[str, ...], name: str, where: str) -> None:
    for key in tree:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ScenarioError(f"{name}: {where}{key} is unknown: {hint}")


def _settings(tree: dict[str, Any], name: str, changes: dict[str, Any]) -> Settings:
    given = tree.get("settings", {})
    known = tuple(each.name for each in fields(Settings))
    if not isinstance(given, dict):
        raise ScenarioError(f"{name}: settings is a table: write [settings]")
    _check_keys(given, known, name, "settings.")
    given = given | {key: tree[key] for key in ("start", "speed") if key in tree}
    values: dict[str, Any] = {key: _value(key, value, name) for key, value in given.items()}
    try:
        return replace(Settings(**values), **changes)
    except (TypeError, ValueError) as error:
        raise ScenarioError(f"{name}: {error}") from error


def _value(key: str, value: Any, name: str) -> Any:
    """The value of a setting, of the type that the setting has.

    Raises:
        ScenarioError: it is of another type.
    """
    default = getattr(Settings(), key)
    if isinstance(value, list):
        value = tuple(value)
    kinds: tuple[type, ...] = (int, float) if isinstance(default, float) else (type(default),)
    fits = isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool)
    if default is not None and not fits:
        raise ScenarioError(f"{name}: {key} is {value!r}: write it as {key} = {_shown(default)}")
    return value


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, str):
        return f'"{default}"'
    return str(list(default)) if isinstance(default, tuple) else str(default)


def _zone(tree: dict[str, Any], name: str) -> ZoneInfo:
    wanted = tree.get("zone", "US/Eastern")
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, TypeError) as error:
        raise ScenarioError(f"{name}: zone is {wanted!r}, which is no time zone: write US/Eastern") from error


def _length(given: Any, name: str, key: str) -> float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    try:
        return to_seconds(str(given))
    except ValueError as error:
        raise ScenarioError(f"{name}: {key}: {error}") from error


def _steps(tree: dict[str, Any], name: str, settings: Settings, zone: ZoneInfo) -> tuple[Step, ...]:
    given = tree.get("at", [])
    if not isinstance(given, list) or len(given) > MAX_STEPS or not all(isinstance(each, dict) for each in given):
        raise ScenarioError(f"{name}: at is a list of at most {MAX_STEPS} steps: write [[at]] before each")
    steps = [_step(each, name, f"at[{number}].", settings, zone) for number, each in enumerate(given, start=1)]
    return tuple(sorted(steps, key=lambda step: step.after))


def _step(given: dict[str, Any], name: str, where: str, settings: Settings, zone: ZoneInfo) -> Step:
    _check_keys(given, STEP_KEYS, name, where)
    if ("time" in given) == ("after" in given):
        raise ScenarioError(f'{name}: {where}time or {where}after, one of the two: write time = "15:59:30"')
    lines = _lines(given.get("do"), name, where)
    if "after" in given:
        return Step(_length(given["after"], name, f"{where}after"), lines)
    return Step(_time(str(given["time"]), name, f"{where}time", settings, zone), lines)


def _lines(given: Any, name: str, where: str) -> tuple[str, ...]:
    lines = [given] if isinstance(given, str) else given
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise ScenarioError(f'{name}: {where}do is missing: write do = "cut 60", or a list of such lines')
    for line in lines:
        try:
            words = split_line(line)
            if not words:
                raise FaultError("it is empty")
            find_verb(words[0]).read(words[1:])
        except FaultError as error:
            raise ScenarioError(f"{name}: {where}do: {error}") from error
    return tuple(lines)


def _time(text: str, name: str, key: str, settings: Settings, zone: ZoneInfo) -> float:
    """Seconds from the start to a time of day, of the day of the start, or of so many days later (`+1 09:30`)."""
    begun = parse_start(settings.start)
    found = DAY.fullmatch(text)
    if found is None or not (int(found[2]) < 24 and int(found[3]) < 60 and int(found[4] or 0) < 60):
        raise ScenarioError(f"{name}: {key} is {text!r}: write 15:59:30, or +1 09:30 for the next day")
    if begun is None:
        raise ScenarioError(f'{name}: {key} needs a start: write start = "20260105 09:25:00 US/Eastern", or use after')
    first = datetime.fromtimestamp(begun, zone)
    day = first.date() + timedelta(days=int(found[1] or 0))
    moment = datetime(day.year, day.month, day.day, int(found[2]), int(found[3]), int(found[4] or 0), tzinfo=zone)
    if moment.timestamp() < begun:
        raise ScenarioError(
            f"{name}: {key} {text} is before the start, {first:%H:%M:%S}: write +1 {text} for the next day"
        )
    return moment.timestamp() - begun
