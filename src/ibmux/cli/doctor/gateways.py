"""Judges the gateways: their endpoints, the usual ports, sockets that hang, and who holds their locks. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ibmux.cli.doctor.facts import Facts, Target
from ibmux.cli.doctor.findings import Finding, note, ok, problem, warning
from ibmux.config import GatewaySettings
from ibmux.sockets import Entry, listener, towards

USUAL = {
    4001: ("IB Gateway", "live"),
    4002: ("IB Gateway", "paper"),
    7496: ("TWS", "live"),
    7497: ("TWS", "paper"),
}
"""The ports on which TWS and IB Gateway listen if nobody changes it, and for which kind of login."""
FORWARDERS = frozenset({"docker-proxy", "haproxy", "nginx", "rootlesskit", "slirp4netns", "socat", "ssh", "sshd"})
"""Programs that accept connections whether or not a gateway is behind them."""
ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
PILE = 5
"""Hanging sockets at a gateway from which on its API has usually stopped to answer."""


def judge(facts: Facts) -> Iterator[Finding]:
    """All findings of this module, in the order in which they are shown."""
    if facts.sockets_error:
        yield warning("sockets", facts.sockets_error, "Run `ibmux doctor` as the user who may see it, or on the host.")
    for settings in facts.config.gateways.values() if facts.config and facts.targets else ():
        yield from _promise(settings)
    for target in facts.targets:
        yield from _endpoint(facts, target)
    if not facts.sockets_error:
        yield _usual_ports(facts.sockets)
        yield from _others(facts)
        yield from _hanging(facts)
    for target in facts.targets:
        yield _lock(target)


def subject(target: Target) -> str:
    """What the findings about this endpoint are headed with."""
    return f"gateway {target.gateway}"


def _promise(settings: GatewaySettings) -> Iterator[Finding]:
    """Whether the ports fit what the login must be."""
    about = f"gateway {settings.name}"
    if not settings.kind:
        text = "The settings do not say whether it is paper or live: ibmux takes whatever is logged in."
        yield note(about, text, f'Set kind = "paper" (or "live") in [gateways.{settings.name}].')
        return
    for endpoint in settings.endpoints:
        program, kind = USUAL.get(endpoint.port, ("", settings.kind))
        if kind != settings.kind:
            right = next(port for port, usual in USUAL.items() if usual == (program, settings.kind))
            text = f"{endpoint} is the usual port of {program} for {kind}, and the settings promise {settings.kind}."
            yield warning(about, text, f"Set port = {right}, or kind = {kind!r} if that is what you want.")


def _endpoint(facts: Facts, target: Target) -> Iterator[Finding]:
    """Whether somebody listens there; what is not on this machine is not tried."""
    about, where = subject(target), str(target.endpoint)
    if not target.addresses:
        remedy = f"Correct host in [gateways.{target.gateway}]; in containers it is the name of the gateway's service."
        yield problem(about, f"{where}: the host name stands for no address.", remedy)
    elif not target.local:
        yield note(about, f"{where} is on another machine: not tried. `ibmux check` tries it.")
    elif facts.sockets_error:
        yield note(about, f"{where}: whether somebody listens there cannot be seen. `ibmux check` tries it.")
    elif found := listener(target.endpoint.port, facts.sockets):
        yield _listening(target, found, facts.sockets)
    elif _is_served(facts, target):
        yield ok(about, f"{where}: no listener to be seen from here, and the proxy has its session there.")
    elif target.endpoint != _home(facts, target):
        yield note(about, f"{where}: nothing listens. It is a fallback.")
    else:
        yield problem(about, f"{where}: nothing listens.", _absent(facts, target))


def _listening(target: Target, found: Entry, sockets: Sequence[Entry]) -> Finding:
    about, where = subject(target), target.endpoint
    hosts = {_host(each): each for each in sockets if each.state == "LISTEN" and each.local_port == where.port}
    right = [each for host, each in hosts.items() if host in ANY or host in target.addresses]
    if not right:
        text = f"{where}: {_who(found)} listens on that port, but at {', '.join(hosts)} alone."
        return problem(about, text, f"Set host to that address in [gateways.{target.gateway}].")
    found = max(right, key=lambda each: each.pid)
    if found.program in FORWARDERS:
        text = f"{where}: {_who(found)} listens, a forwarder: it accepts connections without a gateway behind it, too."
        return note(about, text, "`ibmux check` tries whether one is.")
    return ok(about, f"{where}: {_who(found)} listens.")


def _host(entry: Entry) -> str:
    return entry.local.rpartition(":")[0].strip("[]")


def _home(facts: Facts, target: Target) -> object:
    return facts.config.gateways[target.gateway].endpoints[0] if facts.config else target.endpoint


def _is_served(facts: Facts, target: Target) -> bool:
    """Whether the proxy has a session at this endpoint: a container's port may be forwarded without a listener."""
    statuses = facts.proxy.report.gateways if facts.proxy.report else ()
    return any(
        each.gateway == target.gateway and each.socket and each.endpoint == str(target.endpoint) for each in statuses
    )


def _absent(facts: Facts, target: Target) -> str:
    """What to do where nothing listens: the likeliest cause first."""
    others = [port for port in USUAL if listener(port, facts.sockets)]
    if others and target.endpoint.port not in others:
        port = others[0]
        program, kind = USUAL[port]
        return f"Port {port} ({program}, {kind}) does listen: set port = {port} if that is the one."
    if facts.contained:
        return (
            "In a container 127.0.0.1 is the container itself: set host to the name of the gateway's service, or to "
            "host.docker.internal for one on the host."
        )
    return "Start TWS or IB Gateway, log in, and enable the API in its settings (Enable ActiveX and Socket Clients)."


def _usual_ports(sockets: Sequence[Entry]) -> Finding:
    found = {port: listener(port, sockets) for port in USUAL}
    texts = [f"{port} ({', '.join(USUAL[port])}): {_who(each)}." for port, each in found.items() if each]
    nobody = [str(port) for port, each in found.items() if not each]
    return note("usual ports", " ".join([*texts, *([f"Nobody listens on {', '.join(nobody)}."] if nobody else [])]))


def _ports(facts: Facts) -> set[int]:
    return {*USUAL, *(each.endpoint.port for each in facts.targets)}


def _others(facts: Facts) -> Iterator[Finding]:
    """Programs that are connected to a gateway without the proxy."""
    proxies = {each.pid for each in facts.holders}
    strangers = Counter(
        (_who(each), each.remote)
        for each in towards(_ports(facts), facts.sockets)
        if each.state == "ESTABLISHED" and each.pid not in proxies
    )
    for (who, remote), count in strangers.items():
        text = f"{who} is connected to {remote}{f', {count} times' if count > 1 else ''}, not through ibmux."
        yield note("other clients", text, "It needs a clientId of its own, and shares the gateway's limits.")


def _hanging(facts: Facts) -> Iterator[Finding]:
    """CLOSE_WAIT: the other side has hung up, and this program did not close its end."""
    ports = _ports(facts)
    gateways = Counter((_who(each), each.local_port) for each in facts.stuck if each.local_port in ports)
    clients = Counter((_who(each), each.pid, each.remote) for each in facts.stuck if each.remote_port in ports)
    for (who, port), count in gateways.items():
        yield _hanging_gateway(who, port, count)
    proxies = {each.pid for each in facts.holders}
    for (who, pid, remote), count in clients.items():
        name = "the proxy" if pid in proxies else who
        text = f"{who} keeps {_sockets(count)} to {remote} in CLOSE_WAIT: the gateway has hung up, and it has not."
        yield warning("sockets", text, f"Restart {name}: until it closes them the gateway may keep its clientId.")
    if not gateways and not clients:
        yield ok("sockets", "None towards a gateway, or from one, hangs in CLOSE_WAIT.")


def _hanging_gateway(who: str, port: int, count: int) -> Finding:
    text = f"{who} keeps {_sockets(count)} of port {port} in CLOSE_WAIT: clients have hung up, and it has not noticed."
    if count >= PILE:
        return problem("sockets", text, "Its API is stuck: restart the gateway. Trying again makes it worse.")
    return warning("sockets", text, "If `ibmux check` gets no answer, its API is stuck: restart the gateway.")


def _sockets(count: int) -> str:
    return f"{count} sockets" if count > 1 else "one socket"


def _who(entry: Entry) -> str:
    if not entry.pid:
        return "a program of another user"
    return f"{entry.program or 'a program'} (pid {entry.pid})"


def _lock(target: Target) -> Finding:
    about = f"lock {target.gateway}"
    if target.lock_error is not None:
        return problem(about, target.lock_error.message, target.lock_error.advice)
    if target.holder is None:
        return ok(about, f"{target.endpoint}: free.")
    return ok(about, f"{target.endpoint}: held by {target.holder}.")
