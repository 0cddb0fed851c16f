"""`ibmux journal`: what was meant, done and told, from the file itself; beside a proxy that writes, or without any."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ibmux import places
from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.config import JournalSettings, load_table

if TYPE_CHECKING:
    from ibmux.cli.contracts import Contracts
    from ibmux.journal import Filter, Library, Record, Verdict

FOLLOWING = 0.25
"""Seconds between two looks with --follow."""
Action = Literal["list", "verify", "export", "archives"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which records.

    Attributes:
        script: of this script; `external` for orders of nobody here.
        key: of the order with this key.
        symbol: of orders in contracts with this symbol, their cancels and changes included.
        kind: of this kind; may be given several times.
        gateway: of this gateway.
        since: not before this time (2026-11-20, 2026-11-20T15:30, local unless it says a zone) or age (30m, 2h, 7d).
        until: before this time, or longer ago than this age.
        archives: in the archives, too, where what is older than [journal] retention is.
    """

    script: str = ""
    key: str = ""
    symbol: str = ""
    kind: tuple[
        Literal["intent", "sent", "unsent", "order", "fill", "commission", "cancel", "change", "refusal", "note"], ...
    ] = ()
    gateway: Annotated[str, Parameter(env_var="IBMUX_GATEWAY")] = ""
    since: str = ""
    until: str = ""
    archives: bool = False

    def filter(self) -> Filter:
        """As the file is asked.

        Raises:
            RequestError: a time that is none.
        """
        from ibmux.cli.journalled import moment  # noqa: PLC0415 - heavy parts only when they run
        from ibmux.journal import Filter  # noqa: PLC0415

        now = time.time()
        start = moment(self.since, now) if self.since else 0.0
        end = moment(self.until, now) if self.until else 0.0
        return Filter(gateway=self.gateway, script=self.script, key=self.key, kinds=self.kind, start=start, end=end)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Output:
    """Where to.

    Attributes:
        limit: with `list`, the newest so many; 0 for all.
        follow: with `list`, go on with what is written from now on, until Ctrl-C.
        csv: with `export`, the file to write as CSV; - is standard output.
        parquet: with `export`, the file to write as Parquet; needs pyarrow.
        json: write JSON for programs, one line for each record.
    """

    limit: int = 50
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False
    csv: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    parquet: Path | None = None
    json: bool = False


ALL = Wanted()
"""The options as they are when none is given."""
PLAIN = Output()
"""The options as they are when none is given."""


def journal(
    action: Action = "list",
    *,
    wanted: Wanted = ALL,
    output: Output = PLAIN,
    file: Path | None = None,
    config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None,
) -> int:
    """The record of every order, its events and fills, newest last. Needs no proxy, and disturbs none.

    `verify` checks the file: exit code 0 if it is whole, 1 if not. `export` writes the records to a file. `archives`
    lists the files, one for each month, that hold what is older than [journal] retention; --archives looks into them,
    and --file reads a single one.

    Args:
        action: `list`, `verify`, `export` or `archives`.
        wanted: which records.
        output: where to.
        file: the journal; without it [journal] path in the settings says where it is.
        config: the proxy's settings; without it ./proxy.toml, then /etc/ibmux/proxy.toml, if there is one.
    """
    from ibmux.cli import volumes  # noqa: PLC0415 - heavy parts only when they run
    from ibmux.journal import Library  # noqa: PLC0415

    if complaint := _contradiction(action, output):
        screen.fail(complaint, "`ibmux journal --help` tells which option belongs to what.")
        return Exit.USAGE
    asked, path = wanted.filter(), file or place(config)
    if action == "archives":
        return volumes.show(path, as_json=output.json)
    with Library(path, with_archives=wanted.archives) as library:
        if action == "verify":
            return _verify(library, as_json=output.json)
        if action == "export":
            return _export(library, asked, wanted.symbol, output)
        return _list(library, asked, wanted.symbol, output)


def place(config: Path | None) -> Path:
    """Where the journal of a proxy with these settings lies.

    Raises:
        ConfigError: the settings cannot be used.
    """
    from ibmux.cli.whereabouts import find_settings  # noqa: PLC0415

    path = find_settings(config)
    if path is not None and config is None and not os.access(path, os.R_OK):
        path = None
    return Path(places.journal(load_table("journal", JournalSettings, path).path))


def _contradiction(action: Action, output: Output) -> str:
    targets = (output.csv is not None) + (output.parquet is not None)
    if action == "export" and targets != 1:
        return "`export` needs a file: --csv FILE or --parquet FILE."
    if action != "export" and targets:
        return "--csv and --parquet belong to `export`."
    if action != "list" and output.follow:
        return "--follow belongs to `list`."
    return "--limit is how many: 0 for all." if output.limit < 0 else ""


def _verify(library: Library, *, as_json: bool) -> int:
    from ibmux.journal import verify  # noqa: PLC0415

    verdicts = []
    for reader in library.readers:
        verdicts.append(found := verify(reader))
        if not as_json:
            _judge(found)
    if as_json:
        screen.emit(verdicts if library.with_archives else verdicts[0])
    return Exit.FAILED if any(each.problems for each in verdicts) else Exit.OK


def _judge(found: Verdict) -> None:
    for problem in found.problems:
        screen.tell(problem)
    pairs = ((found.records, "record"), (found.orders, "order"), (found.fills, "fill"))
    counts = ", ".join(screen.count(number, name) for number, name in pairs)
    others = f"{screen.count(found.pruned, 'number')} below {found.last:,} went, or lie elsewhere."
    screen.tell(f"{found.path}: {counts}. {others if found.pruned else ''}".rstrip())
    screen.tell("It is not whole: see above." if found.problems else "It is whole.")


def _list(library: Library, asked: Filter, symbol: str, output: Output) -> int:
    from ibmux.cli.contracts import Contracts  # noqa: PLC0415
    from ibmux.cli.volumes import mention  # noqa: PLC0415

    last, contracts = library.journal.last_seq(), Contracts(library)
    newest = list(islice(contracts.of_symbol(symbol, library.backwards(asked)), output.limit or None))[::-1]
    _show(newest, contracts, as_json=output.json)
    if not output.json and len(newest) < (output.limit or len(newest) + 1):
        mention(library, asked)
    while output.follow:
        time.sleep(FOLLOWING)
        if page := library.journal.records(last, wanted=asked):
            last = page[-1].seq
            _show(list(contracts.of_symbol(symbol, page)), contracts, as_json=output.json, head=False)
    return Exit.OK


def _show(records: list[Record], contracts: Contracts, *, as_json: bool, head: bool = True) -> None:
    from ibmux.cli.journalled import as_plain, table  # noqa: PLC0415

    if as_json:
        for each in records:
            screen.emit(as_plain(each), pretty=False)
    elif records or head:
        screen.out.print(table(records, contracts.of, head=head, width=screen.out.width))


def _export(library: Library, asked: Filter, symbol: str, output: Output) -> int:
    from ibmux.cli.contracts import Contracts  # noqa: PLC0415
    from ibmux.cli.exporting import write_csv, write_parquet  # noqa: PLC0415
    from ibmux.cli.volumes import mention  # noqa: PLC0415

    records = Contracts(library).of_symbol(symbol, library.every(asked))
    path = output.parquet or output.csv or Path("-")
    try:
        count = write_parquet(records, path) if output.parquet is not None else write_csv(records, path)
    except ModuleNotFoundError as error:
        screen.fail(
            f"Parquet needs a package that is not installed: {error.name}.",
            "pip install 'ibmux[parquet]', or --csv FILE.",
        )
        return Exit.USAGE
    except BrokenPipeError:
        raise  # whoever read our output has seen enough
    except OSError as error:
        screen.fail(f"Cannot write {path}: {os.strerror(error.errno or 0)}.")
        return Exit.FAILED
    if str(path) != "-":
        screen.tell(f"{path}: {screen.count(count, 'record')}.")
    mention(library, asked)
    return Exit.OK
