"""Faults of sockets: refused, silent, half-open, frozen, cut off; and of clientIds and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.faults.conduct import ANSWER, GREETINGS, RESET, SILENT, SILENT_API, SLAM
from ibmux.sim.faults.verbs.kind import FaultError, Number, Seconds, count_of

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

NEW = ("answer", "silent", "refuse")
PORT_RESET = (
    "TWS socket port has been reset and this connection is being dropped. Please reconnect on the new port - {}"
)


def refuse(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Listen no more: new connections are refused by the system; open ones stay. Attempts leave no trace in the log."""
    shut(gateway, "refuse")
    return gateway.faults.begin("refuse", "the port is closed", lambda: reopen(gateway, "refuse"), seconds)


def shut(gateway: SimulatedGateway, why: str) -> None:
    """Close the port for a reason."""
    gateway.conduct.shut.add(why)
    gateway.door.shut()


def reopen(gateway: SimulatedGateway, why: str) -> None:
    """End one reason for a closed port; it opens when none is left."""
    gateway.conduct.shut.discard(why)
    if not gateway.conduct.shut:
        gateway.door.reopen()


def reset(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Accept new connections and reset each at once, as a forwarder in front of a dead gateway may."""
    return _greet(gateway, RESET, "new connections are reset at once", seconds)


def silent(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Accept new connections and never answer, as behind a login dialog. Open ones go on."""
    return _greet(gateway, SILENT, "new connections are accepted and never answered", seconds)


def silent_api(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Answer the version, then nothing more: startApi is never answered."""
    return _greet(gateway, SILENT_API, "nothing is answered after the version", seconds)


def slam(gateway: SimulatedGateway, after: Seconds = 0.5, seconds: Seconds = 0.0) -> str:
    """Close new connections without an error, so long after their startApi."""
    gateway.conduct.slam_after = after
    return _greet(gateway, SLAM, f"new connections are closed {after:g} s after startApi", seconds)


def _greet(gateway: SimulatedGateway, greeting: str, text: str, seconds: float) -> str:
    for other in GREETINGS:
        if other != greeting:
            gateway.faults.forget(other)
    gateway.conduct.greeting = greeting
    return gateway.faults.begin(greeting, text, lambda: _answer(gateway), seconds)


def _answer(gateway: SimulatedGateway) -> None:
    gateway.conduct.greeting = ANSWER
    for connection in list(gateway.connections):
        if connection.dead and connection.client is None:
            connection.abort("was never answered", reset=True)


def half_open(gateway: SimulatedGateway, new: str = "answer", ids: str = "free", seconds: Seconds = 0.0) -> str:
    """Let the open sockets go dead: nothing read, nothing sent, no end. New ones: `answer`, `silent` or `refuse`; the
    clientIds of the dead ones are `free` once their socket ends, or `held`.
    """
    if new not in NEW or ids not in ("free", "held"):
        raise FaultError(f"half_open: new is one of {', '.join(NEW)}; ids is free or held")
    gateway.faults.end("half_open")  # one that is in force is lifted: else nobody would undo it
    dead = [connection for connection in gateway.connections if not connection.closing]
    for connection in dead:
        connection.dead = True
        if ids == "held" and connection.client is not None:
            gateway.ids.stick(connection.client.client_id)
    if new == "refuse":
        shut(gateway, "half_open")
    elif new == "silent":
        gateway.conduct.greeting = SILENT

    def lift() -> None:
        for connection in dead:
            connection.abort("was half-open", reset=True)
        gateway.ids.free()
        reopen(gateway, "half_open")
        if new == "silent":
            _answer(gateway)

    return gateway.faults.begin("half_open", f"{count_of(len(dead), 'socket')} dead", lift, seconds)


def freeze(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Let the program stand still: sockets are accepted by the system alone, nothing is read or sent until `thaw`. Then
    it reads everything, the orders of those who have gone meanwhile, too.
    """
    gateway.conduct.frozen = True
    gateway.keep_quiet()

    def lift() -> None:
        gateway.conduct.frozen = False
        gateway.keep_quiet()
        for connection in sorted((*gateway.listener.left, *gateway.connections), key=lambda each: each.number):
            connection.thaw()

    return gateway.faults.begin("freeze", "the gateway stands still", lift, seconds)


def thaw(gateway: SimulatedGateway) -> str:
    """End `freeze`: what came meanwhile is read, what was to be sent is sent."""
    return "the gateway goes on" if gateway.faults.end("freeze") else "the gateway was not frozen"


def drop(gateway: SimulatedGateway, client: Number = -1) -> str:
    """Cut the sockets of all clients, or of one clientId; they may come back at once."""
    count = gateway.drop(None if client < 0 else client)
    return gateway.faults.note("drop", f"{count_of(count, 'socket')} cut")


def stuck(gateway: SimulatedGateway, client: Number, seconds: Seconds = 0.0) -> str:
    """Cut a client off and let its clientId stay in use: 326 until `unstuck`."""
    gateway.drop(client)
    return _stick(gateway, f"stuck {client}", client, "stays in use", seconds)


def occupy(gateway: SimulatedGateway, client: Number, seconds: Seconds = 0.0) -> str:
    """Let somebody else hold a clientId: 326 to whoever asks for it; who holds it now is left alone."""
    return _stick(gateway, f"occupy {client}", client, "belongs to somebody else", seconds)


def _stick(gateway: SimulatedGateway, name: str, client: int, how: str, seconds: float) -> str:
    gateway.ids.stick(client)
    return gateway.faults.begin(name, f"clientId {client} {how}", lambda: gateway.ids.unstick(client), seconds)


def unstuck(gateway: SimulatedGateway) -> str:
    """End `stuck` and `occupy`, and the lingering of clientIds."""
    for name in list(gateway.faults.in_force):
        if name.startswith(("stuck ", "occupy ")):
            gateway.faults.end(name)
    gateway.ids.free()
    return "clientIds are free again"


def full(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Let no further client in: the maximum of API connections is reached."""
    gateway.conduct.full = True

    def lift() -> None:
        gateway.conduct.full = False

    return gateway.faults.begin("full", "no further client is let in", lift, seconds)


def strict(gateway: SimulatedGateway, messages: Number = 5, breaches: Number = 3, seconds: Seconds = 0.0) -> str:
    """Allow so many messages a second: above it error 100, and the end of the session at the breach of that number."""
    if messages < 1 or breaches < 1:
        raise FaultError("strict: messages and breaches are at least 1")

    def restrict(limit: int | None, most: int) -> None:
        gateway.conduct.messages_per_second, gateway.conduct.breaches = limit, most
        for connection in gateway.connections:
            connection.restrict()

    restrict(messages, breaches)
    text = f"{messages} messages a second, {breaches} breaches end a session"
    return gateway.faults.begin("strict", text, lambda: restrict(None, 3), seconds)


def move_port(gateway: SimulatedGateway, port: Number = 0, seconds: Seconds = 0.0) -> str:
    """Listen on another port (0: a free one): every client gets 1300 and is dropped. Lifted, the first port is back.
    A port that something else keeps closed (`refuse`, `restart`, `logout` …) moves, too, and stays closed.
    """
    home = gateway.door.home

    def move(to: int) -> None:
        gateway.door.move(
            to, lambda: gateway.expel(1300, PORT_RESET.format(gateway.port)), lambda: bool(gateway.conduct.shut)
        )

    move(port)
    return gateway.faults.begin("move_port", f"the port is no longer {home}", lambda: move(home), seconds)


ACTS = (
    refuse, reset, silent, silent_api, slam, half_open, freeze, thaw, drop, stuck, occupy, unstuck, full, strict,
    move_port,
)  # fmt: skip
