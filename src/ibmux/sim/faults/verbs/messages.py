"""Faults of messages on their way to clients: late, missing, twice, swapped, lost; and messages out of the blue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.faults.delivery_faults import END_MARKS, Chance, check_names
from ibmux.sim.faults.verbs.kind import FaultError, Number, Seconds, Share

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

TEXTS = {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
    10197: "No market data during competing live session",
}


def slow_sync(gateway: SimulatedGateway, seconds: Seconds) -> str:
    """Delay the marks that end the first downloads (positionEnd, openOrderEnd, completedOrdersEnd, execDetailsEnd,
    accountDownloadEnd), each by so much.
    """
    late = gateway.disturbance.late
    late.update(dict.fromkeys(END_MARKS, (seconds, 0.0)))

    def lift() -> None:
        for name in END_MARKS:
            late.pop(name, None)

    return gateway.faults.begin("slow_sync", f"end marks come {seconds:g} s late", lift)


def partial_sync(gateway: SimulatedGateway, *names: str) -> str:
    """Never send these marks of an ended download; without a name, none of them."""
    gateway.disturbance.withheld |= check_names(names or END_MARKS)
    held = ", ".join(sorted(gateway.disturbance.withheld))
    return gateway.faults.begin("partial_sync", f"never sent: {held}", gateway.disturbance.withheld.clear)


def delay(gateway: SimulatedGateway, seconds: Seconds, jitter: Seconds = 0.0, *names: str) -> str:
    """Let every message arrive so much later, plus or minus a random `jitter`, in order; with names only those, which
    others then overtake.
    """
    disturbance = gateway.disturbance
    wanted = check_names(names)
    if names:
        disturbance.late.update(dict.fromkeys(wanted, (seconds, jitter)))
    else:
        disturbance.delay, disturbance.jitter = seconds, jitter

    def lift() -> None:
        disturbance.delay = disturbance.jitter = 0.0
        disturbance.late.clear()

    spread = f" ± {jitter:g}" if jitter else ""
    text = f"{', '.join(names) or 'messages'} come {seconds:g}{spread} s late"
    return gateway.faults.begin("delay", text, lift)


def duplicate(gateway: SimulatedGateway, share: Share, *names: str) -> str:
    """Send a share of the messages twice; of all, or of those of these names (orderStatus, execDetails …)."""
    gateway.disturbance.twice = Chance(share, check_names(names))

    def lift() -> None:
        gateway.disturbance.twice = None

    return gateway.faults.begin("duplicate", _shown("twice", share, names), lift)


def reorder(gateway: SimulatedGateway, share: Share, *names: str) -> str:
    """Let a share of the messages change places with the next one; of all, or of those of these names."""
    gateway.disturbance.swapped = Chance(share, check_names(names))

    def lift() -> None:
        gateway.disturbance.swapped = None

    return gateway.faults.begin("reorder", _shown("out of order", share, names), lift)


def lose(gateway: SimulatedGateway, share: Share, *names: str) -> str:
    """Never send a share of the messages; of all, or of those of these names."""
    gateway.disturbance.lost = Chance(share, check_names(names))

    def lift() -> None:
        gateway.disturbance.lost = None

    return gateway.faults.begin("lose", _shown("lost", share, names), lift)


def hush(gateway: SimulatedGateway, share: Share) -> str:
    """Say nothing, ever, of a share of what happens to orders: no openOrder, orderStatus, execDetails,
    commissionReport or error. Lists that are asked for are whole.
    """
    gateway.disturbance.hushed = share

    def lift() -> None:
        gateway.disturbance.hushed = 0.0

    return gateway.faults.begin("hush", f"nothing is said of {share:.0%} of what happens to orders", lift)


def _shown(what: str, share: float, names: tuple[str, ...]) -> str:
    return f"{share:.0%} of {', '.join(names) or 'all messages'} {what}"


def say(gateway: SimulatedGateway, code: Number, text: str = "") -> str:
    """Send a message of that code to every client (1100, 2103 …); nothing else happens."""
    words = text or TEXTS.get(code, "")
    if not words:
        raise FaultError(f"say: which text goes with {code}? Write: say {code} 'the text'")
    gateway.announce(code, words)
    return gateway.faults.note("say", f"{code} {words}")


ACTS = (slow_sync, partial_sync, delay, duplicate, reorder, lose, hush, say)
