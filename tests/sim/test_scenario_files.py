"""Scenario files: what is right is played at its time, what is wrong is said with file, key and remedy."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ibmux.sim import SimulatedGateway
from ibmux.sim.faults.scenario import ScenarioError, Step, load, parse, shipped

NAMES = {
    "quiet-day", "crash-day", "nightly-restart", "weekly-relogin", "moc-close", "half-day", "expiry-friday",
    "data-farm-trouble", "rejected-orders", "sixteen-scripts",
}  # fmt: skip
START = 'start = "20260106 15:58:00 US/Eastern"\n'


def test_the_ten_ship_and_say_what_they_are() -> None:
    found = shipped()
    assert set(found) == NAMES
    for name, scenario in found.items():
        assert scenario.name == name
        assert scenario.title
        assert len(scenario.text) > 80
        assert scenario.settings.start
        assert scenario.settings.speed > 1
        assert scenario.length > max([step.after for step in scenario.steps], default=0.0)


def test_times_are_counted_from_the_start() -> None:
    text = (
        START
        + """
        length = "2h"
        [[at]]
        time = "+1 09:30"
        do = "heal"
        [[at]]
        after = "90s"
        do = ["cut 60", "say 2104 text"]
        [[at]]
        time = "15:59:30"
        do = "cut 30"
        [[at]]
        after = 5
        do = "drop"
    """
    )
    scenario = parse(text, "x.toml", seed=9)
    assert scenario.steps == (
        Step(5.0, ("drop",)), Step(90.0, ("cut 60", "say 2104 text")), Step(90.0, ("cut 30",)),
        Step(17.5 * 3600 + 120, ("heal",)),
    )  # fmt: skip
    assert (scenario.length, scenario.settings.seed, scenario.name) == (7200.0, 9, "x")


def test_times_of_another_zone() -> None:
    text = START + 'zone = "UTC"\n[[at]]\ntime = "21:00"\ndo = "cut"'
    assert parse(text, "x").steps == (Step(120.0, ("cut",)),)
    assert ZoneInfo("UTC")


def test_what_the_command_line_says_goes_first() -> None:
    assert load("quiet-day", speed=5.0, seed=3, port=1234).settings.speed == 5.0
    assert load("quiet-day").settings.always_open is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "x.toml: Expected"),
        ('titel = ""', "titel is unknown: did you mean title"),
        ("[settings]\nsped = 1", "settings.sped is unknown: did you mean speed"),
        ("settings = 1", r"write \[settings\]"),
        ("speed = -1", "speed is -1"),
        ("[settings]\nlines = 0", "lines is 0"),
        ('[settings]\nlines = "many"', "lines is 'many': write it as lines = 100"),
        ("[settings]\nalways_open = 1", "always_open = true or false"),
        ("[settings]\naccounts = 'DU1'", r"accounts = \['DU1000001"),
        ("speed = true", "speed is True"),
        ('start = "tomorrow"', "write it as 20260105 09:25:00 US/Eastern"),
        ('zone = "Mars"', "no time zone: write US/Eastern"),
        ('length = "long"', "length: 'long' is no length of time"),
        ("at = 1", r"write \[\[at\]\]"),
        ('[[at]]\ndo = "cut"', r"at\[1\].time or at\[1\].after"),
        ('[[at]]\ntime = "10:00"\nafter = 1\ndo = "cut"', "one of the two"),
        ('[[at]]\nafter = 1\nwhat = "cut"', r"at\[1\].what is unknown"),
        ("[[at]]\nafter = 1", r'at\[1\].do is missing: write do = "cut 60"'),
        ('[[at]]\nafter = 1\ndo = ""', "it is empty"),
        ('[[at]]\nafter = 1\ndo = "cutt 5"', "did you mean cut"),
        ('[[at]]\nafter = 1\ndo = ["cut", "cut x"]', "no length of time"),
        ('[[at]]\nafter = "soon"\ndo = "cut"', r"at\[1\].after: 'soon'"),
        ('[[at]]\ntime = "10:00"\ndo = "cut"', "needs a start"),
        (START + '[[at]]\ntime = "25:00"\ndo = "cut"', "write 15:59:30"),
        (START + '[[at]]\ntime = "15:00"\ndo = "cut"', r"before the start, 15:58:00: write \+1 15:00"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words) as caught:
        parse(text, "x.toml")
    assert str(caught.value).startswith("x.toml: ")


def test_a_scenario_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is quiet-day"):
        load("quiet-dai")
    with pytest.raises(ScenarioError, match="No such file"):
        load(str(tmp_path / "none.toml"))
    path = tmp_path / "own.toml"
    path.write_text('title = "mine"')
    assert (load(str(path)).name, load(str(path)).title) == ("own", "mine")


async def test_a_scenario_plays_and_notes_what_cannot_be_done(tmp_path: Path) -> None:
    text = """
        start = "20260106 10:00:00 US/Eastern"
        speed = 0
        length = "1 min"
        [[at]]
        after = "10s"
        do = "cut 20"
        [[at]]
        after = "20s"
        do = ["lift compete", "delay_next 5"]
    """
    scenario = parse(text, "x")
    async with SimulatedGateway(scenario.settings) as gateway:
        scenario.play(gateway)
        await gateway.pass_time(9.9)
        assert not gateway.conduct.cut
        await gateway.pass_time(0.1)
        assert gateway.conduct.cut
        await gateway.pass_time(20)
        assert not gateway.conduct.cut
        await gateway.pass_time(30)
    assert [entry.text for entry in gateway.log.of("step")] == ["cut 20", "lift compete", "delay_next 5", "x is over"]
    assert "compete is not in force" in gateway.log.of("error")[0].text
