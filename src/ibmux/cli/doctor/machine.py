"""Judges what surrounds the proxy: versions, settings, variables, disk, limits, time zones. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import msgspec

from ibmux.cli.doctor.facts import Disk, Facts
from ibmux.cli.doctor.findings import Finding, note, ok, problem, warning
from ibmux.config import PREFIX, TOP, Config, GatewaySettings

CLIENT = frozenset(f"{PREFIX}{name}" for name in ("URL", "GATEWAY", "NAME", "TOKEN", "TIMEOUT", "CONFIG", "HTTP_URL"))
"""Variables that the verbs and the Python client read."""
SPARE_FILES = 64
"""Files that the proxy opens beside those of its connections: listeners, gateways, logs."""
LOW, FULL = 1 << 30, 100 << 20
"""Bytes of free room from which on a disk is a concern, and a problem."""


def judge(facts: Facts) -> Iterator[Finding]:
    """All findings of this module, in the order in which they are shown."""
    yield _versions(facts)
    yield _settings(facts)
    yield from variables(facts.variables, facts.config)
    yield from map(_disk, facts.disks)
    yield _open_files(facts)
    if facts.zones:
        names = ", ".join(facts.zones)
        remedy = "Install the system's package tzdata, or Python's: pip install tzdata."
        yield problem("time zones", f"The time zone database is missing or not complete: no {names}.", remedy)
    else:
        yield ok("time zones", "The time zone database is there.")


def _versions(facts: Facts) -> Finding:
    there = ", ".join(f"{name} {version}" for name, version in facts.versions.items() if version)
    missing = [name for name, version in facts.versions.items() if not version]
    if "ib_async" in missing:
        return problem(
            "versions", f"{there}; ib_async is not installed.", "In the project's folder: pip install '.[proxy]'"
        )
    if "uvloop" in missing:
        return note(
            "versions", f"{there}; without uvloop, on asyncio's own loop.", "pip install uvloop makes it faster."
        )
    return ok("versions", f"{there}.")


def _settings(facts: Facts) -> Finding:
    if facts.config_error is not None:
        return problem("settings", facts.config_error.message, facts.config_error.advice)
    names = list(facts.config.gateways) if facts.config else []
    gateways = f"gateway{'s' if len(names) > 1 else ''} {', '.join(names)}"
    if facts.path is None:
        looked = "There is no ./proxy.toml and no /etc/ibmux/proxy.toml"
        return note("settings", f"{looked}: the defaults hold, and what the environment says; {gateways}.")
    return ok("settings", f"{facts.path}: {gateways}.")


def variables(names: Iterable[str], config: Config | None) -> Iterator[Finding]:
    """Environment variables that nobody reads: likely misspelt, or another program's."""
    known = _known(config)
    for name in sorted(names):
        if name in TOP or name in CLIENT or (name.startswith(PREFIX) and "__" in name):
            continue  # those with two underscores are settings, and a wrong one is an error of the settings
        plain = {each.replace("_", ""): each for each in sorted(known)}
        near = get_close_matches(name.upper().replace("_", ""), plain, n=1, cutoff=0.85)
        if near:
            meant = plain[near[0]]
            yield warning("environment", f"{name} is not read: it has no effect.", f"Is {meant} meant? Rename it.")
        else:
            yield note("environment", f"{name} is not read by ibmux.")


def _known(config: Config | None) -> set[str]:
    """Every variable that would be read: those of all keys, and of the client."""
    names = {*TOP, *CLIENT}
    for table in msgspec.structs.fields(Config):
        if isinstance(table.type, type) and issubclass(table.type, msgspec.Struct):
            names |= {f"{PREFIX}{table.name}__{key}".upper() for key in table.type.__struct_fields__}
    keys = [key for key in GatewaySettings.__struct_fields__ if key != "name"]
    gateways = config.gateways if config else ["paper"]
    return names | {f"{PREFIX}GATEWAYS__{gateway}__{key}".upper() for gateway in gateways for key in keys}


def _disk(disk: Disk) -> Finding:
    where = f"{disk.folder} ({disk.purpose})"
    if disk.error:
        return problem("disk", f"{where}: {disk.error}.", "Make the folder readable and writable for ibmux.")
    text = f"{where}: {_size(disk.free)} free."
    remedy = "Make room: logs and old downloads first."
    if disk.free < FULL:
        return problem("disk", text, remedy)
    return warning("disk", text, remedy) if disk.free < LOW else ok("disk", text)


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MB"


def _open_files(facts: Facts) -> Finding:
    wanted = (facts.config.mqtt.max_connections if facts.config else 0) + SPARE_FILES
    whose = f"the proxy (pid {facts.open_files_of})" if facts.open_files_of else "a process started here"
    if not facts.open_files:
        return ok("open files", f"No limit for {whose}.")
    text = f"{facts.open_files} for {whose}; mqtt.max_connections wants {wanted}."
    if facts.open_files >= wanted:
        return ok("open files", text)
    return warning(
        "open files",
        text,
        f"Raise the limit (`ulimit -n {wanted}`, LimitNOFILE={wanted} of a systemd service), or lower "
        "mqtt.max_connections.",
    )
