"""The doctor: judgements on facts without a machine, and the verb as a process in front of what it looks at."""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_stage import Command, bad_peer

import ibmux
from ibmux import config
from ibmux.cli.doctor import gateways, judge, machine, proxies
from ibmux.cli.doctor.facts import Asked, Clock, Disk, Facts, JournalFile, Target, UnixSocket
from ibmux.cli.doctor.filing import journal_file
from ibmux.cli.doctor.findings import Finding
from ibmux.cli.exits import Exit
from ibmux.daemon import Proxy
from ibmux.errors import ConfigError, Refused, Unreachable
from ibmux.journal import opening
from ibmux.locks import Holder
from ibmux.messages.session import GatewayStatus, JournalInfo, ProxyReport
from ibmux.places import Endpoint
from ibmux.sim import SimulatedGateway
from ibmux.sockets import Entry

HERE = Endpoint("127.0.0.1", 4002)
HOLDER = Holder(pid=77, program="ibmux serve", since=1000.0, gateway="paper", door="mqtt://127.0.0.1:1883")


def settings(**paper: Any) -> config.Config:
    return config.build({"gateways": {"paper": {"kind": "paper", **paper}}}, "the test")


def facts(**changes: Any) -> Facts:
    """A machine on which nothing is wrong, and no proxy runs."""
    whole: dict[str, Any] = {
        "versions": {"Python": "3.11.7", "ibmux": ibmux.__version__, "ib_async": "2.1.0", "uvloop": "0.23.0"},
        "path": Path("proxy.toml"),
        "config": settings(),
        "targets": (Target(gateway="paper", endpoint=HERE),),
        "sockets": (listening(4002, "java", 42),),
        "open_files": 4096,
        "proxy": Asked(url="mqtt://127.0.0.1:1883", error=Unreachable("Nobody answers.")),
        "now": 2000.0,
    }
    return Facts(**{**whole, **changes})


def listening(port: int, program: str = "java", pid: int = 42, host: str = "0.0.0.0") -> Entry:
    return Entry("LISTEN", f"{host}:{port}", port, "", 0, pid, program)


def connected(
    remote: int, state: str = "ESTABLISHED", program: str = "python", pid: int = 55, local: int = 5000
) -> Entry:
    return Entry(state, f"127.0.0.1:{local}", local, f"127.0.0.1:{remote}", remote, pid, program)


def status(**changes: Any) -> GatewayStatus:
    ready = {"gateway": "paper", "state": "ready", "reason": "Synchronised.", "since": 1000.0, "epoch": 1}
    return GatewayStatus(**{**ready, "endpoint": "127.0.0.1:4002", "socket": True, **changes})


def answered(*statuses: GatewayStatus, **changes: Any) -> Asked:
    report = ProxyReport(
        version=changes.pop("version", ibmux.__version__),
        started=1000.0,
        state="online",
        gateways=list(statuses) or [status()],
        scripts=[],
        sharing={},
    )
    return Asked(url="mqtt://127.0.0.1:1883", report=report, **changes)


def bad(given: Facts) -> list[Finding]:
    return [each for each in judge(given) if each.level in ("warning", "problem")]


def only(given: Facts, subject: str) -> Finding:
    found = [each for each in judge(given) if each.subject == subject]
    assert len(found) == 1, found
    return found[0]


def the_bad_one(given: Facts, level: str, *words: str) -> Finding:
    """The one finding that is not well; each of these words is in its text or remedy."""
    found = bad(given)
    assert [each.level for each in found] == [level], found
    for word in words:
        assert word in f"{found[0].text} {found[0].remedy}", (word, found[0])
    return found[0]


def test_a_good_machine_has_no_bad_finding() -> None:
    assert bad(facts()) == []
    served = facts(
        targets=(Target(gateway="paper", endpoint=HERE, holder=HOLDER),),
        sockets=(listening(4002), listening(1883, "ibmux", 77), listening(7001, "ibmux", 77), connected(4002, pid=77)),
        proxy=answered(clocks=(Clock(gateway="paper", said=1999.0, asked=1999.4, answered=1999.6),)),
    )
    assert bad(served) == []
    assert not [each for each in judge(served) if each.subject == "other clients"]


class TestMachine:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("IBMUX_DRAINTIMEOUT", "IBMUX_DRAIN_TIMEOUT"),
            ("IBMUX_DEFAULT_ROL", "IBMUX_DEFAULT_ROLE"),
            ("IBMUX_MQTT_PORT", "IBMUX_MQTT__PORT"),
            ("IBMUX_GATEWAYS_PAPER_PORT", "IBMUX_GATEWAYS__PAPER__PORT"),
            ("IBMUX_GATEWAY_PAPER_CLIENT_ID", "IBMUX_GATEWAYS__PAPER__CLIENT_ID"),
            ("ibmux_url", "IBMUX_URL"),
        ],
    )
    def test_a_variable_that_is_likely_misspelt(self, name: str, meant: str) -> None:
        the_bad_one(facts(variables=(name,)), "warning", f"{name} is not read", f"Is {meant} meant?")

    def test_variables_that_are_read_or_nobodys(self) -> None:
        read = (*sorted(machine.CLIENT), *sorted(config.TOP), "IBMUX_MQTT__PORT", "IBMUX_SCRIPTS__ANN__ROLE")
        assert list(machine.variables(read, settings())) == []
        assert [each.level for each in machine.variables(["IBMUX_FOO"], None)] == ["note"]

    def test_the_table_of_variables_is_the_sources(self) -> None:
        source = Path(ibmux.__file__).parent
        read = set()
        for path in [*source.glob("cli/**/*.py"), *source.glob("client/*.py"), source / "sync.py"]:
            read |= set(re.findall(r'(?:env_var=|environ(?:\.get\(|\[))"(IBMUX_[A-Z_]+)"', path.read_text()))
        assert read == machine.CLIENT

    def test_settings_that_cannot_be_used(self) -> None:
        error = ConfigError("proxy.toml: there is no key `prot`.", hint="Correct it.")
        found = only(facts(config=None, config_error=error, targets=()), "settings")
        assert (found.level, found.text, found.remedy) == ("problem", error.message, "Correct it.")

    def test_without_a_file_the_defaults_hold(self) -> None:
        found = only(facts(path=None), "settings")
        assert found.level == "note" and "no ./proxy.toml" in found.text and "gateway paper" in found.text

    def test_parts_that_are_not_installed(self) -> None:
        whole = facts().versions
        assert only(facts(versions={**whole, "uvloop": ""}), "versions").level == "note"
        the_bad_one(facts(versions={**whole, "ib_async": ""}), "problem", "ib_async is not installed", "pip install")

    def test_disk_open_files_and_time_zones(self) -> None:
        disk = Disk(folder=Path("/var"), purpose="locks", free=500 << 20)
        the_bad_one(facts(disks=(disk,)), "warning", "/var (locks): 500 MB free", "Make room")
        the_bad_one(facts(disks=(replace(disk, free=1 << 20),)), "problem", "1 MB free")
        the_bad_one(facts(disks=(replace(disk, error="Permission denied"),)), "problem", "Permission denied")
        assert bad(facts(disks=(replace(disk, free=5 << 30),))) == []
        the_bad_one(facts(open_files=256), "warning", "256 for a process started here", "wants 564", "ulimit -n 564")
        the_bad_one(facts(open_files=256, open_files_of=77), "warning", "256 for the proxy (pid 77)")
        assert bad(facts(open_files=0)) == []
        the_bad_one(facts(zones=("Asia/Hong_Kong",)), "problem", "no Asia/Hong_Kong", "tzdata")


class TestGateways:
    def test_nothing_listens(self) -> None:
        the_bad_one(facts(sockets=()), "problem", "127.0.0.1:4002: nothing listens", "enable the API")
        the_bad_one(facts(sockets=(), contained=True), "problem", "In a container 127.0.0.1 is the container itself")
        other = facts(sockets=(listening(7497),))
        the_bad_one(other, "problem", "Port 7497 (TWS, paper) does listen: set port = 7497")

    def test_a_listener_that_is_not_seen_from_here_but_served(self) -> None:
        held = (Target(gateway="paper", endpoint=HERE, holder=HOLDER),)
        assert bad(facts(sockets=(), targets=held, proxy=answered())) == []
        broken = answered(status(state="waiting", reason="Nothing listens.", socket=False, advice="Start it."))
        assert [each.subject for each in bad(facts(sockets=(), targets=held, proxy=broken))] == [
            "gateway paper",
            "session paper",
        ]

    def test_a_listener_at_another_address(self) -> None:
        given = facts(sockets=(listening(4002, host="172.17.0.1"),))
        the_bad_one(given, "problem", "java (pid 42) listens on that port, but at 172.17.0.1 alone", "Set host")
        assert bad(facts(sockets=(listening(4002, host="127.0.0.1"), listening(4002, host="172.17.0.1")))) == []
        assert bad(facts(sockets=(Entry("LISTEN", "[::]:4002", 4002, "", 0, 42, "java"),))) == []

    def test_a_forwarder_and_another_users_program(self) -> None:
        found = only(facts(sockets=(listening(4002, "socat"),)), "gateway paper")
        assert found.level == "note" and "without a gateway behind it" in found.text
        hidden = only(facts(sockets=(listening(4002, "", 0),)), "gateway paper")
        assert (hidden.level, hidden.text) == ("ok", "127.0.0.1:4002: a program of another user listens.")

    def test_what_is_not_here_is_not_tried(self) -> None:
        far = Target(gateway="paper", endpoint=Endpoint("gw.example", 4002), local=False)
        found = only(facts(targets=(far,), sockets=()), "gateway paper")
        assert found.level == "note" and "not tried" in found.text
        unknown = facts(targets=(replace(far, addresses=frozenset()),))
        the_bad_one(unknown, "problem", "gw.example:4002: the host name stands for no address", "[gateways.paper]")

    def test_a_fallback_may_be_absent(self) -> None:
        both = settings(accounts=["DU1"], fallback=["127.0.0.1:7497"])
        targets = (
            Target(gateway="paper", endpoint=HERE),
            Target(gateway="paper", endpoint=Endpoint("127.0.0.1", 7497)),
        )
        assert bad(facts(config=both, targets=targets)) == []
        found = [each.text for each in judge(facts(config=both, targets=targets)) if each.level == "note"]
        assert "127.0.0.1:7497: nothing listens. It is a fallback." in found

    @pytest.mark.parametrize(("port", "kind", "right"), [(4001, "paper", 4002), (7497, "live", 7496)])
    def test_a_port_that_does_not_fit_the_promise(self, port: int, kind: str, right: int) -> None:
        target = Target(gateway="paper", endpoint=Endpoint("127.0.0.1", port))
        given = facts(config=settings(port=port, kind=kind), targets=(target,), sockets=(listening(port),))
        the_bad_one(given, "warning", f"promise {kind}", f"Set port = {right}")

    def test_no_promise_is_worth_a_note(self) -> None:
        notes = [each.text for each in judge(facts(config=settings(kind=""))) if each.subject == "gateway paper"]
        assert "paper or live" in notes[0]

    def test_the_usual_ports(self) -> None:
        found = only(facts(sockets=(listening(4002), listening(7496, "tws", 9))), "usual ports")
        assert found.text == (
            "4002 (IB Gateway, paper): java (pid 42). 7496 (TWS, live): tws (pid 9). Nobody listens on 4001, 7497."
        )

    def test_sockets_that_hang(self) -> None:
        mine = connected(4002, "CLOSE_WAIT", pid=55)
        the_bad_one(facts(stuck=(mine,)), "warning", "python (pid 55) keeps one socket to 127.0.0.1:4002", "Restart")
        held = (Target(gateway="paper", endpoint=HERE, holder=HOLDER),)
        ours = facts(stuck=(mine._replace(pid=77),), targets=held, proxy=answered())
        the_bad_one(ours, "warning", "Restart the proxy")
        theirs = [connected(40000 + number, "CLOSE_WAIT", "java", 42, 4002) for number in range(5)]
        the_bad_one(facts(stuck=tuple(theirs)), "problem", "keeps 5 sockets of port 4002", "restart the gateway")
        the_bad_one(facts(stuck=tuple(theirs[:2])), "warning", "keeps 2 sockets of port 4002", "ibmux check")
        assert bad(facts(stuck=(connected(443, "CLOSE_WAIT"),))) == []

    def test_programs_that_do_not_use_the_proxy(self) -> None:
        found = only(facts(sockets=(listening(4002), connected(4002), connected(4002, local=5001))), "other clients")
        assert found.level == "note"
        assert found.text == "python (pid 55) is connected to 127.0.0.1:4002, 2 times, not through ibmux."

    def test_without_the_kernels_table(self) -> None:
        given = facts(sockets=(), sockets_error="The kernel's table of sockets cannot be read: no.")
        assert the_bad_one(given, "warning", "cannot be read").subject == "sockets"

    def test_locks(self) -> None:
        free = only(facts(), "lock paper")
        assert (free.level, free.text) == ("ok", "127.0.0.1:4002: free.")
        barred = Target(gateway="paper", endpoint=HERE, lock_error=ConfigError("No lock.", hint="Set TMPDIR."))
        the_bad_one(facts(targets=(barred,)), "problem", "No lock.", "Set TMPDIR.")


class TestProxies:
    HELD = (Target(gateway="paper", endpoint=HERE, holder=HOLDER),)

    def test_none_runs(self) -> None:
        found = only(facts(), "proxy")
        assert found.level == "note" and "`ibmux serve` starts it" in found.remedy
        named = facts(proxy=replace(facts().proxy, named=True), targets=())
        the_bad_one(named, "problem", "Nobody answers.", "--url")

    def test_it_holds_the_lock_and_does_not_answer(self) -> None:
        the_bad_one(facts(targets=self.HELD), "problem", "does not answer", "kill 77")
        elsewhere = replace(self.HELD[0], holder=Holder(77, "ibmux serve", 1000.0, "paper", "mqtt://10.0.0.5:1999"))
        the_bad_one(facts(targets=(elsewhere,)), "problem", "ibmux doctor --url mqtt://10.0.0.5:1999")
        starting = replace(self.HELD[0], holder=Holder(77, "ibmux serve", 1990.0, "paper"))
        assert only(facts(targets=(starting,)), "proxy").level == "note"
        assert bad(facts(targets=(starting,), now=5000.0)) != []

    def test_it_does_not_let_us_in(self) -> None:
        refused = Asked(url="mqtt://127.0.0.1:1883", error=Refused("The token is wrong."))
        the_bad_one(facts(targets=self.HELD, proxy=refused), "warning", "The token is wrong.")

    def test_another_version(self) -> None:
        the_bad_one(facts(targets=self.HELD, proxy=answered(version="0.0.9")), "warning", "0.0.9", "Restart the proxy")

    def test_other_settings_than_the_proxys(self) -> None:
        given = facts(targets=self.HELD, proxy=answered(status(gateway="other")))
        the_bad_one(given, "warning", "no gateway paper", "Restart it")

    @pytest.mark.parametrize("state", ["waiting", "cut", "standby", "parked"])
    def test_a_session_that_does_not_serve(self, state: str) -> None:
        asked = answered(status(state=state, reason="So it is.", advice="Do this.", action="Does that."))
        the_bad_one(facts(targets=self.HELD, proxy=asked), "problem", f"{state.capitalize()}: So it is.", "Do this.")
        asked = answered(status(state=state, reason="So it is.", action="Does that."))
        if state == "parked":  # by hand
            told = only(facts(targets=self.HELD, proxy=asked), "session paper")
            assert (told.level, told.text, told.remedy) == ("note", "Parked: So it is.", "`ibmux unpark` goes on.")
        else:
            the_bad_one(facts(targets=self.HELD, proxy=asked), "problem", "ibmux goes on by itself: does that.")

    def test_a_session_that_comes(self) -> None:
        asked = answered(status(state="syncing", reason="Downloading."))
        assert only(facts(targets=self.HELD, proxy=asked), "session paper").level == "note"

    def test_what_a_session_lacks(self) -> None:
        for lack, word in (
            ({"missing": ["completed orders"]}, "gave completed orders"),
            ({"halted": "Halted by ann: lunch"}, "New orders are stopped. Halted by ann: lunch"),
            ({"farms": {"usfarm": False, "hmds": True}}, "down: usfarm"),
            ({"fallback": True, "api": True, "endpoint": "127.0.0.1:7497"}, "fallback, 127.0.0.1:7497"),
        ):
            the_bad_one(facts(targets=self.HELD, proxy=answered(status(**lack))), "warning", word)

    def test_ports_that_are_taken(self) -> None:
        def taken(port: int, program: str) -> Facts:
            return facts(sockets=(listening(4002), listening(port, program, 5)))

        the_bad_one(taken(1883, "mosquitto"), "problem", "taken by mosquitto (pid 5)", 'url = "mqtt://127.0.0.1:1883"')
        the_bad_one(taken(1883, "emqx"), "problem", "taken by emqx (pid 5)", "another [mqtt] port")
        the_bad_one(taken(7001, "java"), "problem", "Port 7001 is taken by java", "another [http] port")
        assert only(facts(), "mqtt").text == "Port 1883 is free."

    def test_an_outside_broker(self) -> None:
        outside = config.build(
            {"gateways": {"paper": {"kind": "paper"}}, "mqtt": {"url": "mqtt://127.0.0.1:1885"}}, "the test"
        )
        the_bad_one(facts(config=outside), "problem", "Nobody listens at mqtt://127.0.0.1:1885", "Start the broker")
        there = facts(config=outside, sockets=(listening(4002), listening(1885, "mosquitto")))
        assert only(there, "mqtt").text == "mqtt://127.0.0.1:1885: mosquitto listens."

    def test_unix_sockets(self) -> None:
        states = {"open": "ok", "left": "note", "barred": "note"}
        for state, level in states.items():
            found = only(facts(unix=(UnixSocket(path="/run/m.sock", state=state),)), "unix socket")  # type: ignore[arg-type]
            assert found.level == level and found.text.startswith("/run/m.sock: ")

    @pytest.mark.parametrize(
        ("said", "level", "words"),
        [
            (1999.4, "ok", "agree within 0.6 s"),
            (2000.9, "ok", "agree"),
            (2004.5, "warning", "5.0 s behind the gateway"),
            (1989.5, "warning", "10.0 s ahead of the gateway"),
            (2099.5, "problem", "100.0 s behind the gateway"),
        ],
    )
    def test_clocks(self, said: float, level: str, words: str) -> None:
        clock = Clock(gateway="paper", said=said, asked=1999.9, answered=2000.1)
        found = only(facts(targets=self.HELD, proxy=answered(clocks=(clock,))), "clock paper")
        assert found.level == level and words in found.text

    def test_a_slow_answer_proves_nothing_about_the_clock(self) -> None:
        clock = Clock(gateway="paper", said=2003.0, asked=1995.0, answered=2005.0)
        assert only(facts(targets=self.HELD, proxy=answered(clocks=(clock,))), "clock paper").level == "ok"
        failed = Clock(gateway="paper", asked=1.0, answered=2.0, error=Unreachable("Gone."))
        assert only(facts(targets=self.HELD, proxy=answered(clocks=(failed,))), "clock paper").level == "note"


class TestJournal:
    FILE = JournalFile(path=Path("/srv/ibmux/journal.db"), folder=Path("/srv/ibmux"), filesystem="ext4")

    @staticmethod
    def told(**changes: Any) -> Asked:
        asked = answered()
        assert asked.report is not None
        asked.report.journal = JournalInfo(**{"path": "/srv/ibmux/journal.db", "seq": 1234, **changes})
        return asked

    def test_a_proxy_tells_of_its_own(self) -> None:
        found = only(facts(proxy=self.told(waiting=7), journal=self.FILE), "journal")
        assert (found.level, found.text) == ("ok", "/srv/ibmux/journal.db: 1,234 records, 7 wait for the disk.")
        trouble = self.told(trouble="The journal /srv/ibmux/journal.db: the disk is full.")
        the_bad_one(facts(proxy=trouble), "problem", "the disk is full", "refuses orders; cancels pass")

    def test_without_a_proxy_it_has_to_be_possible_to_write_it(self) -> None:
        assert only(facts(journal=self.FILE), "journal").level == "ok"
        barred = replace(self.FILE, error="this user may not write to /srv/ibmux")
        the_bad_one(facts(journal=barred), "problem", "may not write")

    def test_another_process_has_it(self) -> None:
        the_bad_one(facts(journal=replace(self.FILE, writer=99)), "problem", "the process 99 writes it", "cannot start")
        the_bad_one(facts(journal=replace(self.FILE, writer=-1)), "problem", "another process writes it")
        ours = Target(gateway="paper", endpoint=HERE, holder=HOLDER)
        given = facts(journal=replace(self.FILE, writer=77), targets=(ours,), proxy=answered())
        assert only(given, "journal").level == "ok"

    @pytest.mark.parametrize(
        ("kind", "contained", "level", "words"),
        [
            ("nfs4", False, "problem", "network file system"),
            ("cifs", False, "problem", "network file system"),
            ("fuse.sshfs", False, "problem", "network file system"),
            ("tmpfs", False, "warning", "in memory"),
            ("overlay", True, "warning", "container is replaced"),
        ],
    )
    def test_where_it_lies(self, kind: str, contained: bool, level: str, words: str) -> None:
        for proxy in (self.told(), facts().proxy):
            given = facts(journal=replace(self.FILE, filesystem=kind), contained=contained, proxy=proxy)
            found = [each for each in judge(given) if each.subject == "journal" and each.level == level]
            assert [words in each.text for each in found] == [True]

    def test_the_file_is_looked_at_without_touching_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "deep"
        given = config.build({"journal": {"path": str(folder / "journal.db")}}, "the test")
        found = journal_file(given, Asked())
        assert found is not None
        assert (found.folder, found.error, found.writer) == (tmp_path, "", 0)
        assert found.filesystem
        assert not folder.exists()
        folder.mkdir(parents=True)
        descriptor = opening.lock(folder / "journal.db")
        try:
            again = journal_file(given, Asked())
            assert again is not None
            assert (again.folder, again.writer) == (folder, os.getpid())
        finally:
            os.close(descriptor)
        (folder / "journal.db").mkdir()
        barred = journal_file(given, Asked())
        assert barred is not None
        assert barred.error == "it is a folder"

    def test_the_proxys_own_file_comes_before_that_of_the_settings(self, tmp_path: Path) -> None:
        file = tmp_path / "journal.db"
        file.touch()
        found = journal_file(settings(), self.told(path=str(file)))
        assert found is not None
        assert found.path == file
        assert journal_file(settings(), replace(self.told(path="/none"), named=True)) is None


def test_every_bad_finding_has_a_remedy_and_is_a_sentence() -> None:
    """Over all judges, on a machine where much is wrong at once."""
    wrong = facts(
        versions={"Python": "3.11.7", "ibmux": "0", "ib_async": "", "uvloop": ""},
        variables=("IBMUX_URLS", "IBMUX_X"),
        targets=(Target(gateway="paper", endpoint=HERE, holder=Holder()),),
        sockets=(listening(1883, "mosquitto"), listening(7001)),
        stuck=(connected(4002, "CLOSE_WAIT"), connected(1, "CLOSE_WAIT", local=4002)),
        zones=("UTC",),
        open_files=10,
    )
    found = [*machine.judge(wrong), *gateways.judge(wrong), *proxies.judge(wrong)]
    assert len([each for each in found if each.level in ("warning", "problem")]) >= 8
    for each in found:
        assert each.text.endswith((".", "?")), each
        assert each.remedy or each.level in ("ok", "note"), each


class TestVerb:
    async def run(
        self, command: Command, *arguments: str, patience: int = 15, **environment: str
    ) -> tuple[int, dict[str, Any]]:
        done = await command("doctor", "--json", "--timeout", f"{patience}", *arguments, **environment)
        assert done.err == "", done
        return done.code, json.loads(done.out)

    def environment(self, proxy: Proxy, gateway: SimulatedGateway) -> dict[str, str]:
        return {
            "IBMUX_GATEWAYS__PAPER__PORT": str(gateway.port),
            "IBMUX_GATEWAYS__PAPER__KIND": "paper",
            "IBMUX_MQTT__PORT": str(proxy.ports["mqtt"]),
            "IBMUX_HTTP__PORT": str(proxy.ports["http"]),
        }

    async def test_in_front_of_a_running_proxy(
        self, command: Command, proxy: Proxy, gateway: SimulatedGateway, tmp_path: Path
    ) -> None:
        attempts = len(gateway.log.of("attempt"))
        path = tmp_path / "proxy.toml"
        path.write_text("")
        here = self.environment(proxy, gateway)
        code, said = await self.run(command, "--config", str(path), **here)
        assert code == Exit.OK, said
        texts = {each["subject"]: each["text"] for each in said["findings"]}
        assert (
            f"127.0.0.1:{gateway.port}: " in texts["gateway paper"] and f"(pid {os.getpid()})" in texts["gateway paper"]
        )
        assert f"(pid {os.getpid()})" in texts["lock paper"]
        assert "answers at mqtt://127.0.0.1:" in texts["proxy"]
        assert texts["session paper"].startswith("Ready at ")
        assert "agree within" in texts["clock paper"]
        assert len(gateway.log.of("attempt")) == attempts, "the doctor never connects to a gateway"
        shown = await command("doctor", "--config", str(path), **here, COLUMNS="80", IBMUX_DRAINTIMEOUT="3")
        assert shown.code == Exit.OK, shown
        assert max(map(len, shown.out.splitlines())) <= 80
        assert "1 warning." in shown.out and "Is IBMUX_DRAIN_TIMEOUT meant?" in shown.out

    async def test_nothing_there(self, command: Command, tmp_path: Path) -> None:
        ports = {"IBMUX_GATEWAYS__PAPER__PORT": "1", "IBMUX_MQTT__PORT": "2", "IBMUX_HTTP__PORT": "-1"}
        code, said = await self.run(command, **ports, TMPDIR=str(tmp_path))  # nobody else's locks
        assert code == Exit.FAILED and said["counts"]["problem"] == 1, said
        (found,) = [each for each in said["findings"] if each["level"] == "problem"]
        assert found["text"] == "127.0.0.1:1: nothing listens." and found["remedy"]

    async def test_settings_that_cannot_be_read(self, command: Command, tmp_path: Path) -> None:
        path = tmp_path / "bad.toml"
        path.write_text("[mqtt")
        code, said = await self.run(command, "--config", str(path), IBMUX_URL="mqtt://127.0.0.1:1")
        assert code == Exit.FAILED
        assert any("not TOML" in each["text"] for each in said["findings"] if each["level"] == "problem")

    async def test_a_gateway_whose_sockets_pile_up(self, command: Command) -> None:
        """Clients hang up and the gateway does not notice: as a stuck API behaves."""
        with ExitStack() as held, socket.create_server(("127.0.0.1", 0)) as server:
            for _ in range(5):
                with socket.create_connection(server.getsockname()):
                    held.enter_context(server.accept()[0])
            port = str(server.getsockname()[1])
            code, said = await self.run(
                command, IBMUX_GATEWAYS__PAPER__PORT=port, IBMUX_MQTT__PORT="2", IBMUX_HTTP__PORT="-1"
            )
        assert code == Exit.FAILED
        (found,) = [each for each in said["findings"] if each["level"] == "problem"]
        assert (
            f"keeps 5 sockets of port {port} in CLOSE_WAIT" in found["text"] and f"pid {os.getpid()}" in found["text"]
        )

    async def test_a_peer_that_says_nothing_does_not_hold_it_up(self, command: Command) -> None:
        async def silence(reader: Any, _writer: Any) -> None:
            await reader.read()

        async with bad_peer(silence) as port:
            code, said = await self.run(command, "--url", f"mqtt://127.0.0.1:{port}", patience=3)
        assert code == Exit.FAILED
        assert "proxy" in [each["subject"] for each in said["findings"] if each["level"] == "problem"]
