"""Judges the proxy: whether it answers, its doors' ports, how its sessions are, and the gateways' clocks. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

import ibmux
from ibmux.cli.doctor.facts import Asked, Clock, Facts, UnixSocket
from ibmux.cli.doctor.findings import Finding, note, ok, problem, warning
from ibmux.errors import Refused
from ibmux.messages.session import GatewayStatus, ProxyReport
from ibmux.mqtt.dial import parse_url
from ibmux.sockets import listener

AHEAD, WRONG = 2.0, 30.0
"""Seconds between the gateway's clock and ours from which on it is a concern, and a problem."""
MIDDLE = 0.5
"""The gateway tells whole seconds: on average this much has passed since."""
STARTING = 60.0
"""Seconds that a proxy may take from its locks to its open doors."""
UNDER_WAY = frozenset({"connecting", "syncing", "draining", "stopped"})


def judge(facts: Facts) -> Iterator[Finding]:
    """All findings of this module, in the order in which they are shown."""
    yield from _proxy(facts)
    report = facts.proxy.report
    if facts.config is not None and not facts.proxy.named:
        if facts.config.mqtt.url:
            yield from _broker(facts, facts.config.mqtt.url)
        else:
            yield from _door(facts, "mqtt", facts.config.mqtt.port, "[mqtt] port")
            yield from map(_unix, facts.unix)
        yield from _door(facts, "http", facts.config.http.port, "[http] port")
    if report is not None:
        yield from _sessions(facts, report)
    for clock in facts.proxy.clocks:
        yield _clock(clock)


def _proxy(facts: Facts) -> Iterator[Finding]:
    asked = facts.proxy
    if asked.report is None:
        yield _mute(facts, asked)
        return
    yield ok("proxy", f"ibmux {asked.report.version} answers at {asked.url}, {asked.report.state}.")
    if asked.report.version != ibmux.__version__:
        text = f"The proxy is version {asked.report.version}, this command {ibmux.__version__}."
        yield warning("proxy", text, "Restart the proxy after an update, or use the command of the same installation.")


def _mute(facts: Facts, asked: Asked) -> Finding:
    """No report: nobody is there, or somebody who does not answer, or does not answer us."""
    why = asked.error.message if asked.error else "It was not asked."
    if isinstance(asked.error, Refused):
        return warning("proxy", why, asked.error.advice)
    holder = next(iter(facts.holders), None)
    if holder is None:
        if asked.named:
            return problem("proxy", why, "Is `ibmux serve` running there, and does --url or IBMUX_URL name its door?")
        return note("proxy", f"None runs here. {why}", "`ibmux serve` starts it.")
    if not holder.door and facts.now - holder.since < STARTING:
        return note("proxy", f"{holder.program} (pid {holder.pid}) starts, its doors are not open yet.")
    if holder.door and holder.door != asked.url:
        remedy = f"Ask it where it listens: `ibmux doctor --url {holder.door}`."
    else:
        remedy = f"Look at its log. If it is stuck, end it (`kill {holder.pid}`, then `kill -9 {holder.pid}`)."
    return problem(
        "proxy", f"A proxy holds the lock, and does not answer at {asked.url or 'the usual places'}. {why}", remedy
    )


def _door(facts: Facts, name: str, port: int, key: str) -> Iterator[Finding]:
    """Whether the port is the proxy's, free, or another program's."""
    if port <= 0 or facts.sockets_error:
        return
    found = listener(port, facts.sockets)
    runs = facts.proxy.report is not None
    if found is None:
        if not runs:
            yield ok(name, f"Port {port} is free.")
        return
    who = f"{found.program or 'a program'} (pid {found.pid})" if found.pid else "a program of another user"
    pids = {each.pid for each in facts.holders}
    if found.pid in pids or (runs and not found.pid):
        yield ok(name, f"Port {port}: the proxy listens.")
    elif runs and not pids:
        yield ok(name, f"Port {port}: {who} listens.")
    else:
        yield _taken(name, port, key, who)


def _taken(name: str, port: int, key: str, who: str) -> Finding:
    text = f"Port {port} is taken by {who}: `ibmux serve` cannot listen there."
    if name == "mqtt" and "mosquitto" in who:
        other = f'use it as the broker ([mqtt] url = "mqtt://127.0.0.1:{port}"), '
        return problem(name, text, f"Either {other}or give the proxy another {key}, or stop that program.")
    return problem(name, text, f"Give the proxy another {key}, or stop that program.")


def _broker(facts: Facts, url: str) -> Iterator[Finding]:
    """The outside broker, where it is on this machine; else the proxy's answer tells."""
    address = parse_url(url)
    if facts.sockets_error or address.host not in ("127.0.0.1", "::1", "localhost"):
        return
    found = listener(address.port, facts.sockets)
    if found is None:
        yield problem("mqtt", f"Nobody listens at {address}, the broker of [mqtt] url.", "Start the broker.")
    else:
        yield ok("mqtt", f"{address}: {found.program or 'a broker'} listens.")


def _unix(each: UnixSocket) -> Finding:
    about = "unix socket"
    if each.state == "open":
        return ok(about, f"{each.path}: the proxy listens.")
    if each.state == "left":
        return note(about, f"{each.path}: left behind by a proxy that was killed; the next one takes its place.")
    return note(about, f"{each.path}: another user's; scripts of this user take the port.")


def _sessions(facts: Facts, report: ProxyReport) -> Iterator[Finding]:
    for status in report.gateways:
        yield from _session(status)
    unknown = [
        name
        for name in (facts.config.gateways if facts.config else ())
        if name not in {s.gateway for s in report.gateways}
    ]
    if unknown and facts.path is not None:
        text = f"The proxy has no gateway {', '.join(unknown)}: it runs with other settings than {facts.path}."
        yield warning("proxy", text, "Restart it so that it reads them, or name its settings with --config.")


def _session(status: GatewayStatus) -> Iterator[Finding]:
    about = f"session {status.gateway}"
    if status.state == "ready":
        accounts = f", {', '.join(status.accounts)}" if status.accounts else ""
        place = f" at {status.endpoint}" if status.endpoint else ""
        yield ok(about, f"Ready{place}{accounts}.")
    elif status.state == "parked" and not status.advice:
        yield note(about, f"Parked: {status.reason}", "`ibmux unpark` goes on.")
    elif status.state in UNDER_WAY:
        yield note(about, f"{status.state.capitalize()}. {status.reason}".strip())
    else:
        action = f": {status.action[0].lower()}{status.action[1:]}" if status.action else "."
        itself = f"Nothing yet, ibmux goes on by itself{action}"
        remedy = status.advice or itself
        yield problem(about, f"{status.state.capitalize()}: {status.reason}", remedy)
    yield from _defects(about, status)


def _defects(about: str, status: GatewayStatus) -> Iterator[Finding]:
    """What a session lacks that goes on all the same."""
    if status.halted:
        yield warning(about, f"New orders are stopped. {status.halted}", "`ibmux resume`, when a person has seen why.")
    if status.fallback and status.api:
        text = f"It runs at a fallback, {status.endpoint}."
        yield warning(about, text, "See to the first endpoint of the settings; the session comes home by itself.")
    if status.missing:
        remedy = status.advice or "It is asked for again by itself; if it stays away, restart the gateway."
        yield warning(about, f"The gateway gave {'; '.join(status.missing)}.", remedy)
    if status.competing:
        yield warning(about, status.reason, status.advice)
    if down := [name for name, up in status.farms.items() if not up]:
        text = f"Data farms are down: {', '.join(down)}."
        yield warning(about, text, "They come back by themselves; Interactive Brokers' system status tells of outages.")


def _clock(clock: Clock) -> Finding:
    """Compared with the middle between our question and its answer, and the middle of the second that it named."""
    about = f"clock {clock.gateway}"
    if clock.error is not None:
        return note(about, f"Not compared: {clock.error.message}", clock.error.advice)
    off = clock.said + MIDDLE - (clock.asked + clock.answered) / 2
    doubt = MIDDLE + (clock.answered - clock.asked) / 2
    if abs(off) <= max(AHEAD, doubt):
        return ok(about, f"The gateway's and this machine's agree within {max(doubt, abs(off)):.1f} s.")
    text = f"This machine is {abs(off):.1f} s {'behind' if off > 0 else 'ahead of'} the gateway."
    remedy = "Keep both machines' time by NTP: `timedatectl set-ntp true`, chrony or systemd-timesyncd."
    return problem(about, text, remedy) if abs(off) > WRONG else warning(about, text, remedy)
