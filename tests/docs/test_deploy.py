"""What is deployed keeps the journal: in a container as on a machine of systemd."""

from __future__ import annotations

import configparser
import re
from pathlib import Path, PurePosixPath

from ibmux import config, places
from ibmux.journal.store import CLOSING

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def journal_of_the_image() -> PurePosixPath:
    variables = dict(re.findall(r"(IBMUX_\w+)=(\S+)", read("Dockerfile")))
    settings = config.load(None, {"IBMUX_JOURNAL__PATH": variables["IBMUX_JOURNAL__PATH"]})
    return PurePosixPath(settings.journal.path)


def test_the_image_has_a_volume_for_the_journal_that_its_user_may_write_to() -> None:
    folder = journal_of_the_image().parent
    text = read("Dockerfile")
    assert f"VOLUME {folder}\n" in text
    made = re.search(rf"install --directory --owner (\w+) --mode 0700 {folder}\n", text)
    assert made is not None
    assert f"USER {made[1]}\n" in text


def test_the_compose_file_gives_that_volume_a_name() -> None:
    text = read("deploy/compose.yaml")
    [name] = re.findall(rf"- (\w+):{journal_of_the_image().parent}(?:\s|$)", text)
    assert re.search(rf"^volumes:\n(?:  \w+:\n)*  {name}:\n", text, re.MULTILINE)
    [grace] = re.findall(r"stop_grace_period: (\d+)s", text)
    assert int(grace) > config.Config().drain_timeout + CLOSING


def test_the_service_keeps_its_state_where_the_proxy_writes_it() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(ROOT / "deploy" / "ibmux.service")
    service = unit["Service"]
    state = f"/var/lib/{service['StateDirectory']}"
    assert places.journal("auto", {"STATE_DIRECTORY": state}) == f"{state}/journal.db"
    assert f"/run/{service['RuntimeDirectory']}/mqtt.sock" in places.sockets({})
    assert service["ExecStart"].endswith("/ibmux serve")
    assert int(service["TimeoutStopSec"]) > config.Config().drain_timeout + CLOSING
    assert "PrivateTmp" not in service  # the locks lie in the common /tmp
