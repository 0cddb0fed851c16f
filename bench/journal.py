"""What durable records cost: `python bench/journal.py [--folder FOLDER]`; the disk's own time is measured beside it.

The disk's own time is that of a plain write and fsync, into a file of the same folder, of as many bytes as the journal
put into its log for one append; both take turns, so that the disk's moods hit both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import milliseconds, percentile, table

from ibmux.journal import Journal, Record
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trading import PlaceOrder
from ibmux.messages.wire import encode

TURN = 50
"""Appends, and plain writes, in one turn."""


def intent(number: int) -> Record:
    """As large as a usual one."""
    contract = Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    order = Order(action="BUY", totalQuantity=100.0, orderType="LMT", lmtPrice=187.2, tif="DAY", account="DU1000001")
    body = encode(PlaceOrder(contract=contract, order=order, key=f"bench-{number}"))
    return Record(
        gateway="paper",
        kind="intent",
        script="bench",
        key=f"bench-{number}",
        orderId=number,
        fingerprint=body,
        body=body,
    )


class Plain:
    """A file that is written over and over, as the log is."""

    def __init__(self, folder: Path, size: int) -> None:
        self._descriptor = os.open(folder / "plain", os.O_RDWR | os.O_CREAT, 0o600)
        self._bytes = os.urandom(size)
        self._at = 0

    def write(self) -> float:
        """Seconds of one write with its fsync."""
        began = time.perf_counter()
        os.pwrite(self._descriptor, self._bytes, self._at)
        os.fsync(self._descriptor)
        self._at = (self._at + len(self._bytes)) % (16 << 20)
        return time.perf_counter() - began

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


async def log_size(journal: Journal, first: int) -> int:
    """Bytes that one append puts into the write-ahead log."""
    log = Path(f"{journal.path}-wal")
    before = log.stat().st_size  # noqa: ASYNC240 - nobody else is in this loop
    for number in range(TURN):
        await journal.append(intent(first + number))
    return (log.stat().st_size - before) // TURN  # noqa: ASYNC240


async def alone(journal: Journal, folder: Path, turns: int) -> dict[str, Any]:
    """One append at a time, and plain writes in between."""
    size = await log_size(journal, 1)
    plain = Plain(folder, size)
    appends, writes = [], []
    for turn in range(turns):
        for number in range(TURN):
            record = intent(1_000_000 + turn * TURN + number)
            began = time.perf_counter()
            await journal.append(record)
            appends.append(time.perf_counter() - began)
        writes += [plain.write() for _ in range(TURN)]
    plain.close()
    return {"bytes": size, "append": _quantiles(appends), "plain": _quantiles(writes)}


async def together(journal: Journal, appenders: int, seconds: float) -> dict[str, Any]:
    """Appenders that each wait for their own record before the next one."""
    times: list[float] = []
    began = time.perf_counter()

    async def append(first: int) -> None:
        number = first
        while (start := time.perf_counter()) < began + seconds:
            await journal.append(intent(number))
            times.append(time.perf_counter() - start)
            number += appenders

    await asyncio.gather(*(append(appenders * 100_000_000 + each) for each in range(appenders)))
    return {"appenders": appenders, "rate": len(times) / (time.perf_counter() - began), **_quantiles(times)}


def _quantiles(values: list[float]) -> dict[str, float]:
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        async with Journal(folder / "journal.db") as journal:
            one = await alone(journal, folder, options.turns)
            many = [await together(journal, each, options.seconds) for each in (1, 8, 64)]
    return {"alone": one, "share": one["append"]["p50"] - one["plain"]["p50"], "together": many}


def report(found: dict[str, Any]) -> str:
    """The figures for people."""
    one = found["alone"]
    rows = [
        ("one append alone", milliseconds(one["append"]["p50"]), milliseconds(one["append"]["p99"])),
        (
            f"plain write + fsync of {one['bytes']:,} bytes",
            *(milliseconds(one["plain"][each]) for each in ("p50", "p99")),
        ),
        ("ours", milliseconds(found["share"]), ""),
    ]
    many = [
        (str(each["appenders"]), f"{each['rate']:,.0f}/s", milliseconds(each["p50"]), milliseconds(each["p99"]))
        for each in found["together"]
    ]
    first = table("A durable record", ("", "p50", "p99"), rows)
    return f"{first}\n\n{table('Group commit', ('appenders', 'records', 'p50', 'p99'), many)}"


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="on the disk to be measured; the folder for temporary files if not given")
    parser.add_argument("--turns", type=int, default=20, help=f"turns of {TURN} appends and {TURN} plain writes")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each number of appenders")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options))
    print(json.dumps(found) if options.json else report(found))


if __name__ == "__main__":
    main()
