"""Judges the journal: whether orders can be written down, and whether they would still be there tomorrow. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ibmux.cli import screen
from ibmux.cli.doctor.facts import Facts, JournalFile
from ibmux.cli.doctor.findings import Finding, ok, problem, warning
from ibmux.messages.session import JournalInfo

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "gluster", "lustre", "9p", "sshfs", "fuse.sshfs", "davfs", "ncpfs")
"""Beginnings of file systems' names whose locks and syncs SQLite's log cannot rely on (https://sqlite.org/wal.html)."""
PASSING = frozenset({"tmpfs", "ramfs"})
ABOUT = "journal"


def judge(facts: Facts) -> Iterator[Finding]:
    """All findings of this module, in the order in which they are shown."""
    told = facts.proxy.report.journal if facts.proxy.report is not None else None
    if told is not None:
        yield _running(told, facts.journal)
    elif facts.journal is not None:
        yield _waiting(facts.journal, {each.pid for each in facts.holders})
    if facts.journal is not None:
        yield from _place(facts.journal, facts.contained)


def _running(told: JournalInfo, file: JournalFile | None) -> Finding:
    if told.trouble:
        text = f"The proxy cannot write it, so it refuses orders; cancels pass. {told.trouble}"
        return problem(ABOUT, text, "See to the disk and the file that are named; the journal tries again by itself.")
    waiting = f", {told.waiting:,} wait for the disk" if told.waiting else ""
    return ok(ABOUT, f"{told.path}: {told.seq:,} records{waiting}{_archives(file)}.")


def _waiting(file: JournalFile, holders: set[int]) -> Finding:
    """No proxy answers: could one write it?"""
    if file.writer and file.writer not in holders:
        who = f"the process {file.writer}" if file.writer > 0 else "another process"
        remedy = "End that process, or give this proxy a file of its own: [journal] path."
        return problem(ABOUT, f"{file.path}: {who} writes it; `ibmux serve` cannot start.", remedy)
    if file.error:
        remedy = "Give the proxy's user a folder of its own on a local disk: [journal] path."
        return problem(ABOUT, f"{file.path}: {file.error}.", remedy)
    return ok(ABOUT, f"{file.path}: it can be written{_archives(file)}.")


def _archives(file: JournalFile | None) -> str:
    if file is None or not file.archives:
        return ""
    return f"; {screen.count(file.archives, 'archive')} with {file.archived / 1e6:,.1f} MB"


def _place(file: JournalFile, contained: bool) -> Iterator[Finding]:
    kind = file.filesystem.lower()
    if kind.startswith(NETWORK):
        text = f"{file.folder} is a network file system ({file.filesystem}): its locks and syncs cannot be relied upon."
        yield problem(ABOUT, text, "Put the journal on a local disk: [journal] path.")
    elif kind in PASSING:
        text = f"{file.folder} is in memory ({file.filesystem}): orders are forgotten when the machine restarts."
        yield warning(ABOUT, text, "Put the journal on a disk: [journal] path.")
    elif kind == "overlay" and contained:
        text = f"{file.folder} is the container's own layer: orders are forgotten when the container is replaced."
        yield warning(ABOUT, text, "Mount a volume there, as deploy/compose.yaml does.")
