"""What is no fault: lifting them, looking at the gateway, changing the speed of its clock, help."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from ibmux.sim.calendar.hours import zone
from ibmux.sim.faults.verbs.kind import FaultError, Number

if TYPE_CHECKING:
    from ibmux.sim.log import Entry
    from ibmux.sim.server import SimulatedGateway

ZONE = "US/Eastern"


def heal(gateway: SimulatedGateway) -> str:
    """Lift every fault that is in force, and what awaits the next orders; what was held back of orders is told."""
    names: list[str] = []
    while in_force := list(gateway.faults.in_force):  # some begin another one as they end
        for name in in_force:
            gateway.faults.end(name)
        names += in_force
    gateway.listener.fragile = gateway.settings.fragile
    gateway.farms.mend_all()
    gateway.disturbance.clear()
    gateway.world.desk.expect_nothing()
    gateway.tell(gateway.world.desk.release_acknowledgements(gateway.clock.now()))
    return f"lifted: {', '.join(names)}" if names else "no fault was in force"


def clear(gateway: SimulatedGateway) -> str:
    """The same as `heal`."""
    return heal(gateway)


def lift(gateway: SimulatedGateway, name: str, more: str = "") -> str:
    """Lift one fault by its name, as `lift compete` or `lift farm usfarm`."""
    wanted = f"{name.replace('-', '_')} {more}".strip()
    if gateway.faults.end(wanted):
        return f"lifted: {wanted}"
    known = ", ".join(gateway.faults.in_force) or "none"
    raise FaultError(f"{wanted} is not in force; in force: {known}")


def speed(gateway: SimulatedGateway, factor: Annotated[float, float]) -> str:
    """Let simulated time run so many times faster than real time."""
    if not 0 < factor <= 100_000:
        raise FaultError("speed: above 0, up to 100000")
    gateway.clock.set(speed=factor)
    return gateway.faults.note("speed", f"time runs {factor:g} times as fast")


def status(gateway: SimulatedGateway) -> str:
    """Show the simulated time, the clients and the faults in force."""
    stats = gateway.stats
    left = f", {stats.close_wait} in CLOSE_WAIT" if stats.close_wait else ""
    lines = [
        f"{instant_text(gateway.clock.now())}, port {gateway.port}{'' if gateway.door.is_open else ' (closed)'}",
        f"clients: {', '.join(map(str, sorted(gateway.clients))) or 'none'}; sockets: {len(gateway.connections)}{left}",
        f"orders placed: {stats.orders_placed}; open: {len(gateway.book.open_orders(None))}",
    ]
    faults = [f"fault {name}: {text}" for name, text in gateway.faults.in_force.items()]
    return "\n".join([*lines, *(faults or ["no fault in force"])])


def log(gateway: SimulatedGateway, count: Number = 20) -> str:
    """Show the newest events of the gateway's own record."""
    entries = list(gateway.log)[-max(1, count) :]
    return "\n".join(map(entry_text, entries)) or "nothing has happened yet"


def help_(gateway: SimulatedGateway, name: str = "") -> str:
    """List the faults, or explain one."""
    from ibmux.sim.faults.faults import find_verb  # noqa: PLC0415 - the register knows the verbs, this is one of them
    from ibmux.sim.faults.verbs import GROUPS, VERBS  # noqa: PLC0415

    if name:
        verb = find_verb(name)
        return f"{verb.usage}\n  {verb.help}"
    lines = []
    for group in GROUPS:
        lines += [group, *(f"  {verb.name:14} {verb.gist}" for verb in VERBS.values() if verb.group == group)]
    return "\n".join(
        [*lines, "`help cut` explains one, with its arguments. Times: 30, 30s, 10min, 1h of simulated time."]
    )


def instant_text(instant: float) -> str:
    """A simulated instant as a person in New York reads it."""
    return f"{datetime.fromtimestamp(instant, zone(ZONE)):%a %Y-%m-%d %H:%M:%S} {ZONE}"


WORDS = {
    "attempt": "connection {0.connection} accepted",
    "spoke": "connection {0.connection} speaks",
    "greeted": "connection {0.connection} agreed on {0.text}",
    "started": "client {0.client} started (connection {0.connection})",
    "refused": "connection {0.connection} refused: {0.text}",
    "listening": "listening on {0.text}",
    "deaf": "no longer listening on {0.text}",
    "fault": "fault {0.text}",
    "lifted": "lifted {0.text}",
    "act": "{0.text}",
    "step": "scenario: {0.text}",
    "behind": "{0.text}",
    "error": "cannot be done: {0.text}",
}


def entry_text(entry: Entry) -> str:
    """An event as a line for people."""
    clock = f"{datetime.fromtimestamp(entry.at, zone(ZONE)):%H:%M:%S}"
    if entry.kind == "closed":
        who = f"connection {entry.connection}" if entry.client is None else f"client {entry.client}"
        reason = f": {entry.text}" if entry.text else ""
        return f"{clock}  {who} {'left' if entry.by == 'client' else 'dropped'}{reason}"
    return f"{clock}  {WORDS[entry.kind].format(entry)}"


ACTS = (heal, clear, lift, speed, status, log, help_)
