"""What the documents say is so: links, settings, commands, metrics, exit codes."""

import ast
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ibmux.cli import app
from ibmux.cli.exits import Exit
from ibmux.config import build, load
from ibmux.core.verdicts import CheckExit
from ibmux.doors.http import LINKS
from ibmux.ops.collector import LiveCollector
from ibmux.ops.metrics import Metrics
from ibmux.ops.readings import GatewayReading, LaneReading, MqttReading, Reading
from ibmux.sim import Settings
from ibmux.sim.faults.scenario import shipped
from ibmux.sim.faults.verbs import VERBS as FAULTS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ONE = {"x": 1}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_verb_exists() -> None:
    used = {
        verb for path in DOCUMENTS for verb in re.findall(r"(?:^|[/`])ibmux ([a-z]+)", path.read_text(), re.MULTILINE)
    }
    assert {"serve", "sim", "demo", "check"} <= used <= {verb for verb, _, _ in app.VERBS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_python_block_is_python(path: Path) -> None:
    for text in blocks(path, "python"):
        compile(text, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_settings_block_is_valid(path: Path) -> None:
    for text in blocks(path, "toml"):
        tree = tomllib.loads(text)
        for script in tree.get("scripts", {}).values():
            script.pop("token_file", None)  # a file that is not here
        build(tree, path.name)


def test_the_configuration_names_real_variables() -> None:
    variables = dict(re.findall(r"`(IBMUX_\w+)=([^`]+)`", read("docs/configuration.md")))
    config = load(None, variables)
    assert (config.gateways["paper"].port, config.mqtt.host) == (4004, "0.0.0.0")
    assert config.gateways["paper"].accounts == ("DU1000001", "DU1000002")
    assert config.scripts["closing"].role == "trade"
    assert len(variables) == 5


def metrics() -> list[str]:
    """The rows of the table, from a registry that has one value of everything."""
    registry = CollectorRegistry()
    counted = {
        each._name: each._labelnames for each in vars(Metrics(registry)).values() if hasattr(each, "_labelnames")
    }
    gateway = GatewayReading(
        name="x",
        state="ready",
        last_message=1.0,
        farms={"x": True},
        connects=ONE,
        disconnects=ONE,
        gaps=ONE,
        transitions={("x", "y"): 1},
        parts={"x": True},
        lanes={"x": LaneReading()},
        orders=ONE,
    )
    reading = Reading(version="x", started=0.0, gateways=[gateway], scripts=ONE, mqtt=MqttReading(disconnects=ONE))
    registry.register(LiveCollector(lambda: reading))
    rows = []
    for family in registry.collect():
        labels = counted.get(family.name) or (tuple(family.samples[0].labels) if family.name not in counted else ())
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {', '.join(labels)} | {family.documentation} |")
    return rows


def test_the_metrics_are_those_of_the_code() -> None:
    shown = [line for line in read("docs/operations.md").splitlines() if line.startswith("| `ibmux_")]
    assert shown == metrics()


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    known = {row.split("`")[1] for row in metrics()}
    for text in blocks(ROOT / "docs" / "operations.md", "promql"):
        assert {re.sub("_bucket$", "", name) for name in re.findall(r"ibmux_\w+", text)} <= known


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = [int(code) for code in re.findall(r"^\| (\d+) \|", read("docs/operations.md"), re.MULTILINE)]
    assert rows == [*map(int, Exit), *map(int, CheckExit)]


def test_the_paths_are_those_of_the_http_door() -> None:
    table = read("docs/operations.md").partition("## HTTP")[2].partition("##")[0]
    assert set(re.findall(r"`(/[\w.]+)`", table)) == set(LINKS)


def test_the_simulators_settings_are_those_of_the_code() -> None:
    """Each stands once, in the group where it belongs."""
    shown = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", read("docs/simulator.md"), re.MULTILINE)
    assert sorted(shown) == sorted((each.name, repr(getattr(Settings(), each.name))) for each in fields(Settings))


def test_the_simulators_options_exist() -> None:
    used = {
        option
        for line in re.findall(r"ibmux sim [^`\n]*", read("docs/simulator.md"))
        for option in re.findall(r"--([a-z-]+)", line.partition("#")[0])
    }
    options = app.build("sim")["sim"].assemble_argument_collection()
    known = {name.removeprefix("--") for option in options for name in option.names}
    assert {"record", "replay", "control"} <= used <= known | {"help"}


def test_the_users_tests_in_the_document_are_the_example() -> None:
    [text] = blocks(ROOT / "docs" / "simulator.md", "python own tests")
    assert text == read("examples/test_my_script.py"), "copy examples/test_my_script.py into docs/simulator.md"


def test_the_faults_named_in_sentences_can_be_typed() -> None:
    named = re.findall(r"`([a-z_]+(?: [^`\n\[…]+)?)`", read("docs/simulator.md") + read("README.md"))
    lines = [words for words in map(str.split, named) if words[0] in FAULTS and not words[-1].isupper()]
    assert len(lines) > 20
    for verb, *words in lines:
        if words:
            FAULTS[verb].read(words)


def test_the_scenarios_named_in_commands_exist() -> None:
    named = re.findall(r"ibmux sim ([a-z][a-z-]*)(?![\w.-])", read("docs/simulator.md") + read("README.md"))
    assert {"moc-close"} <= set(named) <= set(shipped())


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/compose.yaml"])
def test_the_container_sets_real_variables(name: str) -> None:
    variables = dict(re.findall(r"(IBMUX_\w+)(?:=|: )\"?([\w.]+)", read(name)))
    assert variables
    load(None, variables)


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = blocks(ROOT / "README.md", "sh first-steps")
    assert [len(each.splitlines()) for each in commands] == [1, 1]
    demo, test = commands
    assert demo.endswith("ibmux demo\n")
    assert test.endswith("pytest\n")
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=50)
    extractor = re.search(r"awk .* README\.md", script.read_text())
    assert extractor is not None
    for number, wanted in enumerate(commands, start=1):
        command = ["bash", "-c", extractor.group(), "readme_command", str(number)]
        assert (
            subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50).stdout == wanted
        )
