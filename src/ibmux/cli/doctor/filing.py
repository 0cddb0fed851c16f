"""Reads what the doctor judges of the journal: its file, who writes it, and on what it lies. Changes nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec
import psutil

from ibmux import places
from ibmux.cli.doctor.facts import Asked, JournalFile
from ibmux.config import Config
from ibmux.errors import JournalFailed
from ibmux.journal import archives
from ibmux.locks import Holder


def journal_file(config: Config | None, asked: Asked) -> JournalFile | None:
    """The file of the proxy that answered, if that is here; else that of the settings."""
    told = asked.report.journal if asked.report is not None else None
    if told is not None and Path(told.path).exists():
        path = Path(told.path)
    elif config is not None and (told is None or not asked.named):
        path = Path(places.journal(config.journal.path)).absolute()
    else:
        return None
    pid, error = _holder(path)
    folder = _lowest(path.parent)
    sizes, unread = _archives(path)
    return JournalFile(
        path=path,
        folder=folder,
        error=error or _barred(path, folder) or unread,
        filesystem=_filesystem(folder),
        writer=pid,
        archives=len(sizes),
        archived=sum(sizes),
    )


def _archives(path: Path) -> tuple[list[int], str]:
    """The sizes of those beside it, and why they cannot be told."""
    try:
        return [each.path.stat().st_size for each in archives(path)], ""
    except (JournalFailed, OSError) as error:
        return [], error.message.rstrip(".") if isinstance(error, JournalFailed) else os.strerror(error.errno or 0)


def _lowest(folder: Path) -> Path:
    """The lowest folder on the way that is there: the proxy makes the rest."""
    while folder != folder.parent and not _is_there(folder):
        folder = folder.parent
    return folder


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # it lies in a folder that we may not look into
        return True


def _barred(path: Path, folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user may not write to {folder}"
    if path.is_dir():
        return "it is a folder"
    return "this user may not write to it" if path.exists() and not os.access(path, os.W_OK) else ""


def _holder(path: Path) -> tuple[int, str]:
    """The process that writes it (0: nobody; -1: nobody can say who), and why that cannot be told."""
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0, ""
    except OSError as error:
        return 0, f"{path}.lock: {os.strerror(error.errno or 0)}"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder).pid or -1, ""
        except msgspec.DecodeError:
            return -1, ""
    finally:
        os.close(descriptor)
    return 0, ""


def _filesystem(folder: Path) -> str:
    """Its kind in the kernel's word, empty if that is not known."""
    best, kind = -1, ""
    for part in psutil.disk_partitions(all=True):
        if folder.is_relative_to(part.mountpoint) and len(part.mountpoint) >= best:
            best, kind = len(part.mountpoint), part.fstype
    return kind
