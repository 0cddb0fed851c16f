"""Children that write a journal until they are killed, and the nursery that kills and looks: `FOLDER SEED KILLS`.

One process forks all children, so that a kill costs a fork and not the start of an interpreter. Children say what was
acknowledged on a pipe, in the very callback of the future.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from ibmux.errors import JournalFailed, KeyTaken
from ibmux.journal import Filter, Journal, Library, Reader, Record, archives, verify
from ibmux.journal.rotating import Archivist

APPENDERS = 6
MONTH = 32 * 86_400.0
"""Seconds from one month into the next."""
ONE_FILE = 10
"""Kills of one file; then it has become long, and looking at it slow."""
LONGEST = 0.25
"""Seconds that a child lives at most: from its fork, from its first acknowledgement, or when there is an archive."""
LOOK = 0.02
PATIENCE = 20.0


async def write(path: Path, generation: int, pipe: int, seed: int) -> None:
    """Append from several sides for ever, and rotate what is old meanwhile."""
    chance = random.Random(seed)
    async with Journal(path) as journal, asyncio.TaskGroup() as tasks:
        for number in range(APPENDERS):
            tasks.create_task(append(journal, f"{generation}-{number}", pipe, random.Random(chance.random())))
        tasks.create_task(grow_old(journal, generation))
        tasks.create_task(take_keys(journal))


async def append(journal: Journal, name: str, pipe: int, chance: random.Random) -> None:
    """Groups of one to forty records: order `name`, its count in `status`, the group's size in `orderId`."""
    count = 0
    while True:
        size = chance.choice((1, 1, 2, 5, 40))
        body = chance.randbytes(chance.choice((10, 500, 2000)))
        names = [f"{count + number}" for number in range(size)]
        records = [
            Record(gateway="paper", kind="order", script="s", key=name, status=each, orderId=size, body=body)
            for each in names
        ]
        future = journal.append(*records)
        future.add_done_callback(lambda done, first=count: say(pipe, name, first, done.result().seqs))
        if chance.random() < 0.7:
            await future
        else:
            await asyncio.sleep(0)
        count += size


def say(pipe: int, name: str, first: int, seqs: tuple[int, ...]) -> None:
    """One line, which is short enough to be whole or absent."""
    os.write(pipe, f"{name} {first} {seqs[0]} {seqs[-1]}\n".encode())


async def grow_old(journal: Journal, generation: int) -> None:
    """Orders of another gateway, finished long ago, of two months; they go into archives."""
    for number in range(1_000_000):
        key, moment = f"{generation}-{number}", 1.0 + number % 2 * MONTH
        await journal.append(
            Record(gateway="old", kind="intent", script="s", key=key, time=moment),
            Record(gateway="old", kind="fill", script="s", key=key, execId=key, time=moment),
            Record(gateway="old", kind="order", script="s", key=key, status="Filled", time=moment),
        )
        if number % 2:
            async with Archivist(journal.path) as archivist:
                await journal.prune(time.time() + MONTH, archivist.copy)


async def take_keys(journal: Journal) -> None:
    """The same keys in every life: those of before are taken."""
    for number in range(1_000_000):
        with suppress(KeyTaken):
            await journal.append(Record(gateway="keys", kind="intent", script="s", key=f"{number}"))


def live_and_die(path: Path, generation: int, chance: random.Random) -> list[str]:
    """Fork a child, kill it at some moment, give what it said."""
    ours, theirs = os.pipe()
    seed = chance.randrange(1 << 30)
    child = os.fork()
    if not child:
        os.close(ours)
        asyncio.run(write(path, generation, theirs, seed))
        os._exit(1)
    os.close(theirs)
    said = bytearray()
    begins = (lambda: True, lambda: said, lambda: True, lambda: said and archives(path))[generation % 4]
    deadline, is_old = time.monotonic() + PATIENCE, False
    while (left := deadline - time.monotonic()) > 0:
        if select.select([ours], [], [], min(left, LOOK))[0]:
            said += os.read(ours, 65536)
        if not is_old and begins():  # a slow disk does not even open the file in `LONGEST`
            deadline, is_old = time.monotonic() + chance.random() * LONGEST, True
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"the child ended by itself: {status}"
    while chunk := os.read(ours, 65536):
        said += chunk
    os.close(ours)
    return said.decode().splitlines()


def look(path: Path, generation: int, said: list[str]) -> list[str]:
    """What is wrong: acknowledged and not there, torn, out of order, not whole."""
    if not path.exists():
        return [f"there is no file, and {len(said)} acknowledgements"] if said else []
    wrong: list[str] = []
    with Reader(path) as reader:
        wrong += verify(reader).problems
        keys = [each.key for each in reader.every(Filter(gateway="keys"))]
        if keys != [str(number) for number in range(len(keys))]:
            wrong.append("a key has two intents, or they are not in order")
        for number in range(APPENDERS):
            name = f"{generation}-{number}"
            there = list(reader.every(Filter(gateway="paper", key=name)))
            if [each.status for each in there] != [str(count) for count in range(len(there))]:
                wrong.append(f"{name}: not in order, or one is missing")
            wrong += torn(name, there)
            for line in said:
                key, first, low, high = line.split()
                if key == name:
                    wanted = there[int(first) : int(first) + int(high) - int(low) + 1]
                    if [each.seq for each in wanted] != list(range(int(low), int(high) + 1)):
                        wrong.append(f"{name}: {line} was acknowledged and is not there")
    return wrong + rotated(path)


def rotated(path: Path) -> list[str]:
    """What is wrong with the archives: not whole, or without what has left the journal; in both, it comes once."""
    wrong: list[str] = []
    archived: set[int] = set()
    for volume in archives(path):
        with Reader(volume.path) as reader:
            wrong += [f"{volume.path.name}: {each}" for each in verify(reader).problems]
            archived |= {each.seq for each in reader.every()}
    with Library(path, with_archives=True) as library:
        gone = library.journal.rows("SELECT first, last FROM pruned", [], lambda row: range(row[0], row[1] + 1))
        if lost := {seq for each in gone for seq in each} - archived:
            wrong.append(f"records left the journal and are in no archive: {sorted(lost)[:5]}")
        numbers = [each.seq for each in library.every()]
        if numbers != list(range(1, len(numbers) + 1)):
            wrong.append("journal and archives together have a hole, or a record twice")
    return wrong


def torn(name: str, there: list[Record]) -> list[str]:
    """Groups of which only a part is there."""
    place = 0
    while place < len(there):
        place += there[place].orderId
    return [f"{name}: a part of a transaction"] if place != len(there) else []


def main(folder: Path, seed: int, kills: int) -> None:
    """Kill and look, again and again; what was found as JSON."""
    chance = random.Random(seed)
    wrong: list[str] = []
    acknowledged = 0
    for generation in range(kills):
        path = folder / str(generation // ONE_FILE) / "journal.db"
        said = live_and_die(path, generation, chance)
        acknowledged += len(said)
        try:
            wrong += [f"kill {generation}: {each}" for each in look(path, generation, said)]
        except JournalFailed as error:
            if said or "is empty" not in error.message:
                wrong.append(f"kill {generation}: {error!r}, and {len(said)} acknowledgements")
        except Exception as error:  # it is a finding, too
            wrong.append(f"kill {generation}: {error!r}")
    archived = [each.path.stat().st_size for file in folder.glob("*/journal.db") for each in archives(file)]
    found = {"kills": kills, "acknowledged": acknowledged, "archives": len(archived), "wrong": wrong}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
