"""One session per gateway on this machine: a lock for each endpoint, on a file that says who holds it.

The kernel lets go of a lock when its holder ends, so none is ever stale. It holds for one machine and one folder for
temporary files: containers and users with a TMPDIR of their own do not see each other's; the gateway does (326).
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from ibmux.errors import AlreadyRunning, ConfigError
from ibmux.places import Endpoint

_TRIES = 20
"""How often a file is opened anew whose holder just removed it, or read anew whose holder has just come."""
_ELSEWHERE = "Set TMPDIR to a folder that ibmux may write to; all proxies of this machine should have the same."


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock; the process that took it wrote this. `pid` is 0 if that cannot be told.

    Attributes:
        pid: its process id.
        program: what runs there.
        since: when it took the lock, seconds UTC.
        gateway: the gateway's name in its settings.
        door: where scripts reach it.
    """

    pid: int = 0
    program: str = ""
    since: float = 0.0
    gateway: str = ""
    door: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "a process that does not say who it is"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        door = f", its MQTT door is {self.door}" if self.door else ""
        return f"{self.program} (pid {self.pid}) since {since}, as its gateway {self.gateway}{door}"


class Locks:
    """The locks that one proxy holds, until `release`; also usable as a context manager."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}
        self._notes: dict[Path, Holder] = {}

    def __repr__(self) -> str:
        return f"<Locks {', '.join(path.name for path in self._held)}>"

    def __enter__(self) -> Locks:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def add(self, endpoint: Endpoint, note: Holder) -> None:
        """Take one more.

        Raises:
            AlreadyRunning: another proxy holds it; the message says who.
            ConfigError: there is no place for locks.
        """
        path = place(endpoint)
        descriptor = _take(path)
        if descriptor is None:
            raise _refusal(endpoint, note.gateway, holder(endpoint) or Holder())
        self._held[path] = descriptor
        self._write(path, note)

    def tell_door(self, door: str) -> None:
        """Where scripts reach this proxy, now that its doors are open: for whoever is refused."""
        for path, note in self._notes.items():
            self._write(path, msgspec.structs.replace(note, door=door))

    def refresh(self) -> None:
        """Say that the files are in use: what clears old files away spares them. Enough once an hour."""
        for descriptor in self._held.values():
            with suppress(OSError):  # another user's file, which is his to keep
                os.utime(descriptor)

    def release(self) -> None:
        """Give all of them back."""
        while self._held:
            path, descriptor = self._held.popitem()
            with suppress(OSError):  # another user's file: it stays, and only its lock goes
                path.unlink()
            os.close(descriptor)

    def _write(self, path: Path, note: Holder) -> None:
        self._notes = {**self._notes, path: note}
        with suppress(OSError):  # another user's file that we may only read: the lock holds without a name
            text = msgspec.json.encode(note)
            os.pwrite(self._held[path], text, 0)
            os.ftruncate(self._held[path], len(text))


def take(gateways: Mapping[str, Sequence[Endpoint]], door: str = "") -> Locks:
    """Take the lock of every endpoint of every gateway, by the gateways' names in the settings; all or none.

    Raises:
        AlreadyRunning: another proxy holds one of them; the message says who.
        ConfigError: two gateways name one endpoint, or there is no place for locks.
    """
    _check(gateways)
    locks = Locks()
    try:
        for name, endpoints in gateways.items():
            note = Holder(os.getpid(), _program(), time.time(), name, door)
            for endpoint in {place(each): each for each in endpoints}.values():
                locks.add(endpoint, note)
    except BaseException:
        locks.release()
        raise
    return locks


def holder(endpoint: Endpoint) -> Holder | None:
    """Who holds the lock of this endpoint; `None` if nobody does. Takes no lock, but for a moment a shared one.

    Raises:
        ConfigError: the lock cannot be looked at.
    """
    try:
        descriptor = _open(place(endpoint), create=False)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def place(endpoint: Endpoint) -> Path:
    """The file whose lock stands for this endpoint; all names of the machine itself are one."""
    return folder() / f"gateway-{quote(_one_name(endpoint.host), safe='')}-{endpoint.port}.lock"


def folder() -> Path:
    """Where the locks lie: one place for all users of this machine.

    Raises:
        ConfigError: no folder for temporary files can be written to.
    """
    try:
        return Path(tempfile.gettempdir()) / "ibmux"
    except FileNotFoundError:
        raise ConfigError("There is no folder for temporary files, where locks lie.", hint=_ELSEWHERE) from None


def _one_name(host: str) -> str:
    plain = host.strip().rstrip(".").lower()
    if plain in {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}:
        return "localhost"
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return plain
    address = getattr(address, "ipv4_mapped", None) or address
    return "localhost" if address.is_loopback else str(address)


def _check(gateways: Mapping[str, Iterable[Endpoint]]) -> None:
    """Two gateways with one endpoint would be two sessions there."""
    owners: dict[Path, str] = {}
    for name, endpoints in gateways.items():
        for endpoint in endpoints:
            if (other := owners.setdefault(place(endpoint), name)) != name:
                raise ConfigError(
                    f"gateways.{other} and gateways.{name} both name {endpoint}: a gateway has one session.",
                    hint="Keep one of the two tables in proxy.toml; all scripts share its session.",
                )


def _take(path: Path) -> int | None:
    """A descriptor that holds the lock, or `None` if another process does.

    A holder removes the file before it lets go: a lock on a file that has gone from its place is worth nothing.
    """
    for _ in range(_TRIES):
        descriptor = _open(path, create=True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _still_there(path, descriptor):
            return descriptor
        os.close(descriptor)
    return None


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open(path: Path, *, create: bool) -> int:
    """Open the file as it is, else make it. Linux refuses O_CREAT on others' files in such a folder
    (fs.protected_regular), and a lock needs no right to write.

    Raises:
        FileNotFoundError: there is none, and none is to be made.
        ConfigError: it cannot be opened or made.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                try:
                    return os.open(path, os.O_RDWR | flags)
                except PermissionError:
                    return os.open(path, os.O_RDONLY | flags)
            if not create:
                raise FileNotFoundError(path)
            with suppress(FileExistsError):
                return _make(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(f"{path}: the lock of the gateway cannot be opened: {why}.", hint=_ELSEWHERE) from None
    raise ConfigError(f"{path}: the lock of the gateway comes and goes.", hint="Try again.")


def _make(path: Path, flags: int) -> int:
    """A new file, in a folder for all users: each may lock, none may remove another's."""
    try:
        path.parent.mkdir()
        path.parent.chmod(0o1777)
    except FileExistsError:
        if not stat.S_ISDIR(path.parent.lstat().st_mode):
            raise NotADirectoryError(20, "it is no folder") from None
    descriptor = os.open(path, flags, 0o666)
    os.fchmod(descriptor, 0o666)  # whatever the umask: the next holder, another user maybe, writes its name here
    return descriptor


def _read(descriptor: int) -> Holder:
    """What the holder wrote. Another user may have written it: only what can be printed is shown, and only of a process
    that exists.
    """
    for _ in range(_TRIES):
        if text := os.pread(descriptor, 4096, 0):
            break
        time.sleep(0.005)  # it has the lock, and writes its name next
    try:
        note = msgspec.json.decode(text, type=Holder)
    except msgspec.DecodeError:
        return Holder()
    texts = {
        name: "".join(filter(str.isprintable, getattr(note, name)))[:120] for name in ("program", "gateway", "door")
    }
    return msgspec.structs.replace(note, **texts) if _exists(note.pid) else Holder()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def _program() -> str:
    """This program, as a person would name it."""
    name = Path(sys.argv[0]).name
    verb = [each for each in sys.argv[1:2] if each.isalpha()]
    return " ".join(["ibmux" if name == "__main__.py" else name, *verb])


def _refusal(endpoint: Endpoint, gateway: str, by: Holder) -> AlreadyRunning:
    stop = f" (`kill {by.pid}`)" if by.pid else ""
    return AlreadyRunning(
        f"The gateway {gateway} at {endpoint} has a session already: {by}.",
        hint=f"Use that proxy, its scripts share one session: `ibmux status` shows it. Or stop it first{stop}.",
    )
