"""`ibmux journal` and the archives: listed, looked into when asked, mentioned where they were not."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from journal_parts import record

from ibmux.cli import app
from ibmux.cli.doctor.facts import Asked, Facts, JournalFile
from ibmux.cli.doctor.filing import journal_file
from ibmux.cli.doctor.journals import judge
from ibmux.cli.exits import Exit
from ibmux.config import JournalSettings, build
from ibmux.errors import ConfigError
from ibmux.journal import Journal
from ibmux.journal.rotating import Archivist
from ibmux.messages.contracts import Contract
from ibmux.messages.journal import Intent, Wish
from ibmux.messages.orders import Order
from ibmux.messages.wire import encode

MONTH = 31 * 86_400.0
BODY = encode(Intent(Contract(symbol="AAPL", secType="STK"), Order(action="BUY", totalQuantity=1.0, orderType="MKT")))


@pytest.fixture
async def years(journal: Journal, path: Path) -> Path:
    """An order of each of three months, in archives; one of the fourth, and a late cancel of the first, are not."""
    for number in range(4):
        await journal.append(
            record("intent", f"k{number}", time=number * MONTH + 10.0, body=BODY),
            record("cancel", f"k{number}", time=number * MONTH + 11.0, body=encode(Wish(by="s"))),
            record("order", f"k{number}", time=number * MONTH + 12.0, status="Cancelled"),
        )
    async with Archivist(path) as archivist:
        assert await journal.prune(3 * MONTH, archivist.copy) == 9
    await journal.append(record("cancel", "k0", time=4 * MONTH, body=encode(Wish(by="s"))))
    return path


async def run(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> tuple[int, str, str]:
    code = await asyncio.to_thread(app.run, ["journal", *arguments, "--file", str(path)])
    told = capsys.readouterr()
    return code, told.out, " ".join(told.err.split())


async def numbers(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> list[int]:
    code, out, err = await run(capsys, path, *arguments, "--json")
    assert (code, err) == (0, "")
    return [json.loads(line)["seq"] for line in out.splitlines()]


async def test_they_are_listed(years: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = await run(capsys, years, "archives")
    lines = [line.split() for line in out.splitlines() if line.startswith("1970")]
    assert code == 0
    assert [line[:2] for line in lines] == [["1970-01", "3"], ["1970-02", "3"], ["1970-03", "3"]]
    assert [line[-1] for line in lines] == [f"journal-1970-0{month}.db" for month in (1, 2, 3)]
    code, out, _ = await run(capsys, years, "archives", "--json")
    first = json.loads(out)[0]
    assert (first["month"], first["records"], first["start"], first["end"]) == ("1970-01", 3, 10.0, 12.0)
    assert first["path"] == str(years.with_name("journal-1970-01.db"))
    assert first["size"] > 0
    code, out, _ = await run(capsys, years.with_name("journal-1970-01.db"), "archives")
    assert (code, "none" in out) == (0, True)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [10, 11, 12, 13]),
        (("--archives",), list(range(1, 14))),
        (("--archives", "--limit", "5"), [9, 10, 11, 12, 13]),
        (("--archives", "--key", "k0"), [1, 2, 3, 13]),
        (("--archives", "--kind", "cancel", "--symbol", "aapl"), [2, 5, 8, 11, 13]),
        (("--archives", "--since", "1970-02-01T00:00:00Z", "--until", "1970-03-05T00:00:00Z"), [4, 5, 6, 7, 8, 9]),
    ],
)
async def test_they_are_looked_into_when_asked(
    years: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], found: list[int]
) -> None:
    assert await numbers(capsys, years, *options) == found


async def test_one_of_them_is_read_as_any_journal(years: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = years.with_name("journal-1970-02.db")
    assert await numbers(capsys, one) == [4, 5, 6]
    code, out, _ = await run(capsys, one, "verify")
    assert code == 0
    assert "3 records, 1 order, 0 fills. 3 numbers below 6 went, or lie elsewhere." in " ".join(out.split())


async def test_all_of_them_are_verified(years: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = await run(capsys, years, "verify", "--archives")
    assert (code, out.count("It is whole.")) == (0, 4)
    code, out, _ = await run(capsys, years, "verify", "--archives", "--json")
    assert (code, [each["records"] for each in json.loads(out)]) == (0, [4, 3, 3, 3])
    one = years.with_name("journal-1970-02.db")
    one.write_bytes(one.read_bytes().replace(b"Cancelled", b"Cancellee"))
    code, out, _ = await run(capsys, years, "verify", "--archives")
    assert (code, out.count("It is whole."), "differs from its records" in out) == (Exit.FAILED, 3, True)


async def test_an_export_has_them_or_says_that_it_has_not(
    years: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.csv"
    code, out, err = await run(capsys, years, "export", "--csv", str(target), "--archives")
    assert (code, out.endswith("13 records.\n"), err) == (0, True, "")
    assert [row["seq"] for row in csv.DictReader(target.read_text().splitlines())] == [
        str(number) for number in range(1, 14)
    ]
    code, out, err = await run(capsys, years, "export", "--csv", str(target))
    assert (code, out.endswith("4 records.\n")) == (0, True)
    assert err == "Not looked into: 3 archives, 1970-01 to 1970-03; --archives does."
    code, _, err = await run(capsys, years, "export", "--csv", str(target), "--since", "1970-03-01T00:00Z")
    assert (code, err) == (0, "Not looked into: the archive of 1970-03; --archives does.")
    code, _, err = await run(capsys, years, "export", "--csv", str(target), "--since", "1970-04-01T00:00Z")
    assert (code, err) == (0, "")


async def test_a_list_mentions_them_where_there_was_room_for_more(
    years: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, is_told in (((), True), (("--limit", "0"), True), (("--limit", "4"), False), (("--archives",), False)):
        code, _, err = await run(capsys, years, *options)
        assert (code, "Not looked into: 3 archives" in err) == (0, is_told), options


def test_the_settings() -> None:
    assert build({}, "x").journal == JournalSettings(path="auto", retention=400, archive=True, keep_archives=0)
    assert build({"journal": {"keep_archives": 401}}, "x").journal.keep_archives == 401
    assert build({"journal": {"retention": 0, "keep_archives": 1}}, "x").journal.keep_archives == 1
    for days in (400, 1, -1, "long"):
        with pytest.raises(ConfigError, match="keep_archives"):
            build({"journal": {"keep_archives": days}}, "x")


async def test_the_doctor_counts_them(years: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = journal_file(build({"journal": {"path": str(years)}}, "x"), Asked())
    assert file is not None
    assert (file.archives, file.archived > 3 * 4096) == (3, True)
    [found] = judge(Facts(journal=replace(file, writer=0, filesystem="ext4", archived=1_234_567)))
    assert (found.level, found.text) == ("ok", f"{years}: it can be written; 3 archives with 1.2 MB.")


def test_the_doctor_has_nothing_to_say_where_there_are_none() -> None:
    [found] = judge(Facts(journal=JournalFile(path=Path("/j.db"), folder=Path("/"), filesystem="ext4")))
    assert found.text == "/j.db: it can be written."
