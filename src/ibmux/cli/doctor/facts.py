"""What the doctor found before it judges: plain values, so that judgements can be tested without a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ibmux.config import Config
from ibmux.errors import IbmuxError
from ibmux.locks import Holder
from ibmux.messages.session import ProxyReport
from ibmux.places import Endpoint
from ibmux.sockets import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One endpoint of a gateway in the settings.

    Attributes:
        local: whether it is on this machine; its listener is then in the kernel's table.
        addresses: what its host name stands for.
        holder: who holds its lock.
        lock_error: why the lock could not be looked at.
    """

    gateway: str
    endpoint: Endpoint
    local: bool = True
    addresses: frozenset[str] = frozenset({"127.0.0.1"})
    holder: Holder | None = None
    lock_error: IbmuxError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A gateway's clock (`said`) and ours just before and after we asked, seconds UTC; or the `error` that came."""

    gateway: str
    said: float = 0.0
    asked: float
    answered: float
    error: IbmuxError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixSocket:
    """The file of a Unix socket: somebody listens (`open`), nobody any more (`left`), or we may not ask (`barred`)."""

    path: str
    state: Literal["open", "left", "barred"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Free room, in bytes, where `folder` lies; `error` in words if that cannot be told."""

    folder: Path
    purpose: str
    free: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """The journal's file.

    Attributes:
        folder: the lowest folder on its way that is there.
        error: why it could not be written, in words.
        filesystem: on which it lies, as the kernel calls that kind; empty if unknown.
        writer: the process that has it, 0 for nobody, -1 where nobody can say who.
        archives: how many there are beside it.
        archived: their bytes.
    """

    path: Path
    folder: Path
    error: str = ""
    filesystem: str = ""
    writer: int = 0
    archives: int = 0
    archived: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the proxy answered, or why it did not. `url` is where it was asked; `named` if a person gave that url."""

    url: str = ""
    named: bool = False
    report: ProxyReport | None = None
    error: IbmuxError | None = None
    clocks: tuple[Clock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is judged.

    Attributes:
        versions: of Python, ibmux and its parts; empty where one is not installed.
        path: the settings file, if there is one.
        config: the settings; `None` if they cannot be used, for the reason in `config_error`.
        variables: names of environment variables that begin like ours.
        targets: the endpoints of all gateways, by the settings' order.
        sockets: the kernel's table of TCP sockets.
        stuck: those in CLOSE_WAIT that stayed so for a while.
        sockets_error: why there is no such table.
        unix: the Unix sockets at which scripts look for the proxy.
        contained: whether this runs in a container.
        zones: time zones that are needed and not known here.
        open_files: how many files a process may open: the proxy's if one runs that we may look at, else ours; 0: any.
        open_files_of: the proxy's process id, 0 for our own limit.
        now: seconds UTC.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    config: Config | None = None
    config_error: IbmuxError | None = None
    variables: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    sockets: tuple[Entry, ...] = ()
    stuck: tuple[Entry, ...] = ()
    sockets_error: str = ""
    unix: tuple[UnixSocket, ...] = ()
    contained: bool = False
    zones: tuple[str, ...] = ()
    disks: tuple[Disk, ...] = ()
    journal: JournalFile | None = None
    open_files: int = 0
    open_files_of: int = 0
    proxy: Asked = field(default_factory=Asked)
    now: float = 0.0

    @property
    def holders(self) -> list[Holder]:
        """Who holds locks of our gateways."""
        return [each.holder for each in self.targets if each.holder]
