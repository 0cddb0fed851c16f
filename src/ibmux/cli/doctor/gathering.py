"""Reads what the doctor judges: the settings, the environment, the kernel's tables, the locks, and the proxy's answers.

Never connects to a gateway.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil

import ibmux
from ibmux import locks, places, sockets
from ibmux.cli.doctor.facts import Asked, Clock, Disk, Facts, JournalFile, Target, UnixSocket
from ibmux.cli.doctor.filing import journal_file
from ibmux.cli.options import Proxy
from ibmux.cli.whereabouts import Address, find_proxy, find_settings
from ibmux.client.ib import default_url
from ibmux.config import PREFIX, Config, load
from ibmux.errors import ConfigError, IbmuxError
from ibmux.messages.session import ProxyReport
from ibmux.places import Endpoint

ZONES = ("America/New_York", "Europe/Zurich", "Asia/Hong_Kong", "UTC")
"""A sample of those in which Interactive Brokers tells times."""
LASTING = 1.0
"""Seconds for which a socket has to stay in CLOSE_WAIT before it counts as hanging."""


async def gather(proxy: Proxy) -> Facts:
    """Everything, in a few seconds: bounded by `proxy.timeout` for each answer, and by the resolver for names."""
    path = find_settings(proxy.config)
    config, error = _settings(path)
    meant = path or not proxy.url or any(name.startswith(f"{PREFIX}GATEWAYS__") for name in os.environ)
    targets = await asyncio.to_thread(_targets, config) if config and meant else ()
    table, stuck, blind = await _sockets()
    runs = next((each.holder.pid for each in targets if each.holder and each.holder.pid), 0)
    limit, whose = _open_files(runs)
    asked = await _ask(proxy)
    journal = journal_file(config, asked) if meant or asked.report else None
    return Facts(
        versions=_versions(),
        path=path,
        config=config,
        config_error=error,
        variables=tuple(name for name in os.environ if name.upper().startswith(PREFIX)),
        targets=targets,
        sockets=table,
        stuck=stuck,
        sockets_error=blind,
        unix=tuple(_unix_sockets(config)),
        contained=_contained(),
        zones=tuple(name for name in ZONES if not _has_zone(name)),
        disks=tuple(_disks(path, journal)),
        journal=journal,
        open_files=limit,
        open_files_of=whose,
        proxy=asked,
        now=time.time(),
    )


def _settings(path: Path | None) -> tuple[Config | None, IbmuxError | None]:
    try:
        return load(path, os.environ), None
    except ConfigError as error:
        return None, error


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version(), "ibmux": ibmux.__version__}
    for name in ("ib_async", "uvloop"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = ""
    return versions


def _targets(config: Config) -> tuple[Target, ...]:
    """May wait for the resolver."""
    own = {each.address for cards in psutil.net_if_addrs().values() for each in cards}
    return tuple(
        _target(name, endpoint, own) for name, settings in config.gateways.items() for endpoint in settings.endpoints
    )


def _target(name: str, endpoint: Endpoint, own: set[str]) -> Target:
    addresses = sockets.addresses(endpoint.host)
    try:
        holder, error = locks.holder(endpoint), None
    except ConfigError as refused:
        holder, error = None, refused
    local = sockets.is_local(endpoint.host) or bool(addresses & own)
    return Target(gateway=name, endpoint=endpoint, local=local, addresses=addresses, holder=holder, lock_error=error)


def _unix_sockets(config: Config | None) -> Iterable[UnixSocket]:
    """Connects to each and hangs up: a file alone does not tell whether somebody listens."""
    named = config.mqtt.socket if config else "auto"
    for path in places.sockets() if named == "auto" else filter(None, [named]):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(path)
            except FileNotFoundError:
                continue
            except ConnectionRefusedError:
                yield UnixSocket(path=path, state="left")
            except OSError:
                yield UnixSocket(path=path, state="barred")
            else:
                yield UnixSocket(path=path, state="open")


async def _sockets() -> tuple[tuple[sockets.Entry, ...], tuple[sockets.Entry, ...], str]:
    """The table, those of it that hang, and why there is no table. A socket that is just being closed hangs not."""
    try:
        table = await asyncio.to_thread(sockets.table)
        stuck = {each for each in table if each.state == "CLOSE_WAIT"}
        if stuck:
            await asyncio.sleep(LASTING)
            stuck &= set(await asyncio.to_thread(sockets.table))
    except sockets.NoTable as error:
        return (), (), str(error)
    return tuple(table), tuple(sorted(stuck)), ""


async def _ask(proxy: Proxy) -> Asked:
    """The proxy's report, and its gateways' clocks where a session is ready."""
    try:
        where = find_proxy(proxy.url, proxy.config)
    except ConfigError:
        where = find_proxy(default_url(), None)
    url = where.url or default_url()
    try:
        async with proxy.connect(where) as connection:
            report: ProxyReport = await connection.call("status")
    except IbmuxError as error:
        return Asked(url=url, named=bool(proxy.url), error=error)
    ready = [each.gateway for each in report.gateways if each.state == "ready"]
    clocks = [await _clock(replace(proxy, gateway=name), where) for name in ready]
    return Asked(url=url, named=bool(proxy.url), report=report, clocks=tuple(clocks))


async def _clock(proxy: Proxy, where: Address) -> Clock:
    asked = time.time()
    try:
        async with proxy.connect(where) as connection:
            asked = time.time()
            said = await connection.call("reqCurrentTime")
            return Clock(gateway=proxy.gateway, said=float(said), asked=asked, answered=time.time())
    except IbmuxError as error:
        return Clock(gateway=proxy.gateway, asked=asked, answered=time.time(), error=error)


def _disks(path: Path | None, journal: JournalFile | None) -> Iterable[Disk]:
    """The folders that matter, each disk once."""
    seen: set[int] = set()
    folders = [(path.parent if path else Path(), "settings"), (_temporary(), "locks")]
    if journal is not None:
        folders.insert(0, (journal.folder, "journal"))
    for folder, purpose in folders:
        try:
            device, free = folder.stat().st_dev, shutil.disk_usage(folder).free
        except OSError as error:
            yield Disk(folder=folder, purpose=purpose, error=os.strerror(error.errno or 0))
            continue
        if device not in seen:
            seen.add(device)
            yield Disk(folder=folder.resolve(), purpose=purpose, free=free)


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path("/tmp")  # noqa: S108 - to say what is wrong with it


def _open_files(pid: int) -> tuple[int, int]:
    """How many files the proxy may open, and its process id, or the same of a process that is started here, and 0."""
    try:
        soft = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0] if pid else None
    except (psutil.Error, OSError, AttributeError):  # another user's, gone, or not to be had on this system
        soft = None
    whose = pid if soft is not None else 0
    if soft is None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (0 if soft == resource.RLIM_INFINITY else soft), whose


def _contained() -> bool:
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _has_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        return False
    return True
