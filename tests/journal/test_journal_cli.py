"""`ibmux journal`: lists, filters, follows, verifies and exports, beside a proxy that writes and without any."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from journal_parts import record, tell
from msgspec.structs import replace

from ibmux import places
from ibmux.cli import app
from ibmux.cli.exits import Exit
from ibmux.cli.journalled import COLUMNS, as_row, contract_in, moment, standing, table, what
from ibmux.config import JournalSettings, build, load_table
from ibmux.errors import ConfigError, RequestError
from ibmux.journal import Journal, Kind, Record
from ibmux.messages.contracts import Contract
from ibmux.messages.journal import HaltNote, Intent, Refusal, Wish
from ibmux.messages.orders import Order
from ibmux.messages.trades import CommissionReport, Execution, Fill, OrderStatus, Trade
from ibmux.messages.trading import FillEvent, OrderEvent
from ibmux.messages.wire import encode

AAPL = Contract(conId=265598, symbol="AAPL", secType="STK", currency="USD")
ESZ6 = Contract(symbol="ES", localSymbol="ESZ6", secType="FUT", currency="USD")
BUY = Order(action="BUY", totalQuantity=100.0, orderType="LMT", lmtPrice=187.2, account="DU1000001")
EXECUTION = Execution(execId="e1", side="BOT", shares=100.0, price=187.15, acctNumber="DU1000001")
REPORT = CommissionReport(execId="e1", commission=1.25, currency="USD", realizedPNL=None)
FILL = Fill(contract=AAPL, execution=EXECUTION, commissionReport=REPORT, time=dt.datetime(2026, 2, 19, tzinfo=dt.UTC))
OPEN = OrderStatus(status="Submitted", filled=40.0, remaining=60.0)
WORD = "Order held while securities are located."
SUBMITTED = OrderEvent(1, 0, 1001.0, "", Trade(AAPL, BUY, OPEN), 404, WORD)
DONE = OrderEvent(1, 0, 1003.5, "", Trade(AAPL, BUY, OrderStatus(status="Filled", filled=100.0, avgFillPrice=187.15)))
KEY = "2026-02-19:close:LH"
DAY = [
    record("intent", KEY, time=1000.0, body=encode(Intent(AAPL, BUY, unit=[KEY, "stop"]))),
    record("order", KEY, time=1001.0, orderId=5, permId=77, status="Submitted", body=encode(SUBMITTED)),
    record("fill", KEY, time=1002.0, execId="e1", body=encode(FillEvent(1, 0, 1002.0, "fill", KEY, FILL))),
    record("commission", KEY, time=1003.0, execId="e1", body=encode(FillEvent(1, 0, 1003.0, "commission", KEY, FILL))),
    record("intent", "other", time=2000.0, script="guard", body=encode(Intent(ESZ6, BUY))),
    record("refusal", "", time=3000.0, script="guard",
           body=encode(Refusal("placeOrder", "x.y", "not in [red]this[/red] role"))),
    record("order", KEY, time=3001.0, status="Filled", body=encode(DONE)),
    record("cancel", KEY, time=3002.0, body=encode(Wish(by="desk"))),
    record("change", "other", time=3003.0, script="guard", body=encode(Wish(by="guard", order=BUY))),
    record("note", "", script="", time=3004.0, status="halt", body=encode(HaltNote("desk", "lunch"))),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("IBMUX_")]:
        monkeypatch.delenv(name)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ibmux.cli", "journal", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", "TZ": "UTC", **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(*arguments: str, **environment: str) -> Done:
    async with started(*arguments, **environment) as process, asyncio.timeout(25):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def day(journal: Journal) -> Journal:
    await journal.append(*DAY)
    return journal


async def test_the_list_for_people_while_a_proxy_writes(day: Journal, path: Path) -> None:
    done = await run("--file", str(path))
    assert done.code == 0
    lines = done.out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == [str(number) for number in range(1, 11)]
    words = [
        ("AAPL BUY 100 LMT 187.20", "with stop"), (f"Submitted, 40 filled: 404 {WORD}",), ("AAPL BOT 100 at 187.15",),
        ("AAPL 1.25 USD",), ("ESZ6 BUY 100",), ("placeOrder: not in [red]this[/red] role",), ("Filled at 187.15",),
        ("AAPL", "by desk"), ("ESZ6 BUY 100 LMT 187.20",), ("halt by desk: lunch",),
    ]  # fmt: skip
    for line, expected in zip(lines, words, strict=True):
        assert all(word in line for word in expected), line
    assert "01-01 00:16:40" in lines[0]


async def test_the_list_fits_a_narrow_terminal(day: Journal, path: Path) -> None:
    lines = (await run("--file", str(path), COLUMNS="80")).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["seq", "time", "script", "key", "kind", "what"]
    assert "01-01 00:16:40" in lines[2]
    assert sum(bool(line[:4].strip()) for line in lines[2:]) == 10
    assert all(len(line.split()) > 1 for line in lines[2:] if line[:4].strip())


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--script", "guard"), [5, 6, 9]),
        (("--key", "other"), [5, 9]),
        (("--symbol", "aapl"), [1, 2, 3, 4, 7, 8]),
        (("--symbol", "AAPL", "--limit", "2"), [7, 8]),
        (("--symbol", "es"), [5, 9]),
        (("--kind", "fill", "--kind", "commission"), [3, 4]),
        (("--since", "1970-01-01T00:16:42Z", "--until", "1970-01-01T00:50:00Z"), [3, 4, 5]),
        (("--gateway", "live"), []),
        (("list", "--limit", "1"), [10]),
        (("--limit", "0"), list(range(1, 11))),
    ],
)
async def test_filters(
    day: Journal, path: Path, options: tuple[str, ...], numbers: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    code = await asyncio.to_thread(app.run, ["journal", *options, "--json", "--file", str(path)])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ([each["seq"] for each in found], code) == (numbers, 0)


async def test_json_holds_the_whole_body(day: Journal, path: Path) -> None:
    [found] = [
        json.loads(line) for line in (await run("--kind", "fill", "--json", "--file", str(path))).out.splitlines()
    ]
    assert found["time"] == "1970-01-01T00:16:42Z"
    assert found["body"]["fill"]["contract"]["symbol"] == "AAPL"
    assert found["body"]["fill"]["execution"]["price"] == 187.15


async def test_follow_shows_what_comes(day: Journal, path: Path) -> None:
    async with started("-f", "--json", "--limit", "1", "--file", str(path)) as process, asyncio.timeout(25):
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline())["seq"] == 10
        await day.append(record("note", script="later"), record("note", script="later"))
        assert [json.loads(await process.stdout.readline())["seq"] for _ in range(2)] == [11, 12]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == Exit.INTERRUPTED


async def test_verify_says_whether_it_is_whole(day: Journal, path: Path) -> None:
    whole = await run("verify", "--file", str(path))
    assert (whole.code, "10 records, 2 orders, 1 fill." in whole.out, "It is whole." in whole.out) == (0, True, True)
    await tell(day, "DELETE FROM records WHERE seq = 2")
    broken = await run("verify", "--json", "--file", str(path))
    assert broken.code == Exit.FAILED
    assert "records are missing: 2" in json.loads(broken.out)["problems"]


async def test_export_as_csv_without_any_proxy(day: Journal, path: Path, tmp_path: Path) -> None:
    await day.close()
    target = tmp_path / "out.csv"
    done = await run("export", "--csv", str(target), "--file", str(path))
    assert (done.code, done.out.endswith("out.csv: 10 records.\n")) == (0, True)
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert list(rows[0]) == list(COLUMNS)
    intent, order, fill, cost, other, *_ = rows
    assert (intent["symbol"], intent["lmtPrice"], intent["account"]) == ("AAPL", "187.2", "DU1000001")
    assert (order["status"], order["permId"]) == ("Submitted", "77")
    assert (fill["shares"], fill["price"], fill["time"]) == ("100.0", "187.15", "1970-01-01T00:16:42+00:00")
    assert (cost["commission"], cost["currency"], cost["realizedPNL"]) == ("1.25", "USD", "")
    assert json.loads(other["body"])["contract"]["localSymbol"] == "ESZ6"
    printed = await run("export", "--csv", "-", "--key", "other", "--file", str(path))
    assert len(printed.out.splitlines()) == 3


async def test_export_as_parquet(day: Journal, path: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    done = await run("export", "--parquet", str(target), "--file", str(path))
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        assert (done.code, "ibmux[parquet]" in done.err) == (Exit.USAGE, True)
        assert not target.exists()
        return
    assert done.code == 0, done.err
    rows = parquet.read_table(target).to_pylist()
    assert [row["seq"] for row in rows] == list(range(1, 11))
    assert (rows[2]["time"], rows[2]["price"]) == (dt.datetime.fromtimestamp(1002, dt.UTC), 187.15)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("export",), Exit.USAGE, "needs a file"),
        (("export", "--csv", "a", "--parquet", "b"), Exit.USAGE, "needs a file"),
        (("--csv", "a"), Exit.USAGE, "belong to `export`"),
        (("verify", "-f"), Exit.USAGE, "--follow belongs to"),
        (("--limit", "-1"), Exit.USAGE, "0 for all"),
        (("--since", "yesterday"), Exit.USAGE, "is no time"),
        (("forget",), Exit.USAGE, "forget"),
        (("export", "--csv", "/none/at/all.csv"), Exit.FAILED, "Cannot write /none/at/all.csv"),
    ],
)
@pytest.mark.usefixtures("day")
async def test_what_cannot_be_is_said(
    path: Path, arguments: tuple[str, ...], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(app.run, ["journal", *arguments, "--file", str(path)]) == code
    assert text in " ".join(capsys.readouterr().err.split())


async def test_the_file_is_that_of_the_settings(day: Journal, path: Path, tmp_path: Path) -> None:
    settings = tmp_path / "proxy.toml"
    settings.write_text(f'[journal]\npath = "{path}"\n[scripts.x]\ntoken_file = "/none"\n')
    assert len((await run("--json", "--config", str(settings))).out.splitlines()) == 10
    nothing = await run("--json", STATE_DIRECTORY=str(tmp_path / "none"))
    assert (nothing.code, "no such file" in nothing.err) == (Exit.FAILED, True)
    assert len((await run("--json", STATE_DIRECTORY=str(path.parent))).out.splitlines()) == 10


def test_where_the_journal_lies() -> None:
    home = {"HOME": "/home/u"}
    assert places.journal("auto", home | {"STATE_DIRECTORY": "/var/lib/ibmux:/b", "XDG_STATE_HOME": "/s"}) == (
        "/var/lib/ibmux/journal.db"
    )
    assert places.journal("auto", home | {"XDG_STATE_HOME": "/s"}) == "/s/ibmux/journal.db"
    assert places.journal("auto", home | {"XDG_STATE_HOME": "s"}) == "/home/u/.local/state/ibmux/journal.db"
    assert places.journal("auto", home) == "/home/u/.local/state/ibmux/journal.db"
    assert places.journal("/data/j.db", home) == "/data/j.db"
    assert not places.journal("~/j.db").startswith("~")


def test_the_settings() -> None:
    assert build({}, "x").journal == JournalSettings(path="auto", retention=400)
    assert load_table("journal", JournalSettings, None, {"IBMUX_JOURNAL__RETENTION": "0"}).retention == 0
    for retention in (7, -1, "long"):
        with pytest.raises(ConfigError, match="retention"):
            build({"journal": {"retention": retention}}, "x")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 970.0), ("5m", 700.0), ("0.1h", 640.0), ("1970-01-01T00:10Z", 600.0), ("1970-01-01T01:00+01:00", 0.0)],
)
def test_times_and_ages(text: str, seconds: float) -> None:
    assert moment(text, 1000.0) == seconds


@pytest.mark.parametrize("text", ["", "5", "5w", "1970-13-01", "m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(RequestError):
        moment(text, 0.0)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x05", b"\x81\xa5trade\x05", b"\x81\xa8contract\xa1x", b"\xa1\xff"])
def test_a_body_of_any_bytes_is_shown_somehow(body: bytes) -> None:
    each = Record(gateway="paper", kind="commission", body=body)
    assert (what(each, {}), contract_in(each), set(as_row(each))) == ("", {}, set(COLUMNS))
    for kind in get_args(Kind):
        assert table([replace(each, kind=kind)], contract_in).row_count == 1


def test_an_event_is_looked_into() -> None:
    event = FillEvent(epoch=1, seq=2, time=3.0, event="fill", key="k", fill=FILL)
    each = Record(gateway="paper", kind="fill", execId="e1", body=encode(event))
    contract = contract_in(each)
    assert (what(each, contract), contract["symbol"]) == ("AAPL BOT 100 at 187.15", "AAPL")
    assert as_row(each)["commission"] == 1.25


def test_an_option_is_named_by_its_terms() -> None:
    option = Contract(symbol="AAPL", secType="OPT", lastTradeDateOrContractMonth="20261218", strike=190.0, right="C")
    each = Record(gateway="paper", kind="intent", key="k", body=encode(Intent(option, BUY)))
    assert what(each, contract_in(each)) == "AAPL 20261218 190 C BUY 100 LMT 187.20"
    assert standing(each) == ""
