"""How the file is opened for writing: its folder, its lock, its schema, its soundness. Knows no record.

The lock is the kernel's, on a file of its own: closing any descriptor of the database itself would drop SQLite's locks
(https://www.sqlite.org/howtocorrupt.html, 2.2). It ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path

import msgspec

from ibmux.errors import AlreadyRunning, JournalFailed
from ibmux.journal.trouble import damaged, worded
from ibmux.locks import Holder

APPLICATION = 0x69626D78
"""`ibmx`: SQLite's application_id of journals (https://www.sqlite.org/fileformat.html, 1.3)."""
ARCHIVE = 0x69626D61
"""`ibma`: that of archives. Their names alone do not tell them from journals of other proxies in the same folder."""
_MODES = {APPLICATION: ("WAL", "FULL"), ARCHIVE: ("DELETE", "EXTRA")}
"""How each is written. An archive has no log beside it: what it was given is in the one file, even after a crash."""
BUSY = 1.0
"""Seconds to wait for another program that has the file locked."""
CHECKPOINT = 1000
"""Pages in the write-ahead log (4 MB) past which a commit copies them into the file, if there was no idle moment."""


def lock(path: Path) -> int:
    """A descriptor that makes this process the one writer of the file, until it is closed.

    Raises:
        AlreadyRunning: another process has it; the message says which.
        OSError: the lock cannot be made.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
        os.close(descriptor)
        who = f"the process {holder.pid} writes it" if holder.pid else "another process writes it"
        raise AlreadyRunning(
            f"The journal {path} is in use: {who}.",
            hint="One proxy writes a journal. Stop the other one, or give this one a file of its own: [journal] path.",
        ) from None
    text = msgspec.json.encode(Holder(os.getpid(), "ibmux", time.time()))
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
    return descriptor


def make(path: Path) -> None:
    """The file with its folder, for this user alone; nothing happens if it exists.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        sync(path.parent)


def sync(folder: Path) -> None:
    """Have the disk take which files there are: that is part of what must survive.

    Raises:
        OSError: it does not.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mark(path: Path) -> int:
    """SQLite's application_id of a file: what it is; 0 where it tells none, or cannot be read."""
    for more in ("", "&immutable=1"):  # the second needs nothing beside the file
        address = f"{path.absolute().as_uri()}?mode=ro{more}"
        with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True, timeout=BUSY)) as connection:
            return int(connection.execute("PRAGMA application_id").fetchone()[0])
    return 0


def connect(path: Path, wanted: int = APPLICATION) -> sqlite3.Connection:
    """The writer's connection, to a file that exists: sound, of this version, every commit on the disk.

    Checking it takes a second or so for each GB.

    Args:
        path: the file.
        wanted: `APPLICATION`, whose file may be empty yet, or `ARCHIVE`.

    Raises:
        JournalCorrupt: it is damaged, or no journal; nothing was changed.
        JournalFailed: it cannot be used, or a newer ibmux wrote it.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY, isolation_level=None
        )
        try:
            _check(connection, path, wanted)
            _prepare(connection, *_MODES[wanted])
            _migrate(connection, path, wanted)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise worded(error, path) from error
    return connection


def migrations() -> list[str]:
    """The steps of the schema, oldest first; their number is SQLite's user_version."""
    folder = files("ibmux.journal") / "schema"
    return [
        each.read_text() for each in sorted(folder.iterdir(), key=lambda each: each.name) if each.name[:1].isdigit()
    ]


def _check(connection: sqlite3.Connection, path: Path, wanted: int) -> None:
    [whose] = connection.execute("PRAGMA application_id").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if whose == ARCHIVE != wanted:
        raise JournalFailed(f"{path} is an archive of another journal.", hint="Choose another file: [journal] path.")
    if whose != wanted and (whose or tables or wanted == ARCHIVE):
        raise damaged(path, "another program's database" if whose or tables else "it is empty")
    with closing(connection.execute("PRAGMA quick_check(1)")) as rows:
        [told] = rows.fetchone()
    if told != "ok":
        raise damaged(path, told)


def _prepare(connection: sqlite3.Connection, mode: str, synchronous: str) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded by a file without tables only
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA recursive_triggers = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")


def _migrate(connection: sqlite3.Connection, path: Path, wanted: int) -> None:
    """Each step is one transaction: killed between two, the next start goes on there."""
    steps = migrations()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise JournalFailed(
            f"The journal {path} is of version {version}; this ibmux knows {len(steps)}.",
            hint="A newer ibmux wrote it: use that one, or give this one a file of its own: [journal] path.",
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {wanted}; {step} PRAGMA user_version = {number}; COMMIT;"
        )


def _holder(descriptor: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.DecodeError:  # it has the lock, and writes its name next
        return Holder()
