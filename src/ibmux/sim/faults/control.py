"""A way to the faults of a running gateway from outside: lines of text in, an answer to each.

Over a port of this machine (`Control`), or from any other source of lines (`answer`). The last line of an answer begins
with `ok` or `error`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ibmux.sim.faults.verbs.kind import MAX_LINE, FaultError
from ibmux.sim.listening import Listening

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

CONTROL_PORT = 4009
"""Where `ibmux fault` looks for a control port if it is not told."""
MAX_SESSIONS = 16
"""Control connections at once; a further one is closed at once."""
ANSWER_TIMEOUT = 10.0
"""Seconds that `send` waits for an answer."""


async def answer(gateway: SimulatedGateway, line: str) -> str:
    """Do what a line says. Return the answer: `ok …` or `error …`, after further lines where there are more."""
    try:
        text = await gateway.faults.apply(line)
    except FaultError as error:
        return f"error {error}"
    *lines, last = text.splitlines() or [""]
    return "\n".join([*lines, last, "ok"]) if lines else f"ok {last}".rstrip()


class Control(Listening):
    """The control port of a gateway: `async with Control(gateway, 4009) as control: control.port`.

    It listens on the loopback alone: whoever reaches it may do everything.

    Args:
        gateway: the gateway.
        port: 0 takes a free one.
    """

    def __init__(self, gateway: SimulatedGateway, port: int = CONTROL_PORT) -> None:
        super().__init__("127.0.0.1", port, limit=MAX_LINE)
        self._gateway = gateway

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the lines of one connection, if it is not one too many."""
        if len(self.talks) <= MAX_SESSIONS:
            with contextlib.suppress(ConnectionError):  # the peer has gone; nobody is left to be told
                await self._answer_all(reader, writer)

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                writer.write(f"error a line has at most {MAX_LINE} characters\n".encode())
                return
            if not line:
                return
            writer.write(f"{await answer(self._gateway, line.decode(errors='replace').strip())}\n".encode())
            await writer.drain()


async def send(port: int, line: str) -> list[str]:
    """Send a line to a control port of this machine. Return the lines of its answer; the last begins ok or error.

    Raises:
        OSError: nothing listens there.
        TimeoutError: no whole answer came.
    """
    async with asyncio.timeout(ANSWER_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"{line}\n".encode())
            lines: list[str] = []
            while not lines or not lines[-1].startswith(("ok", "error")):
                got = await reader.readline()
                if not got:
                    raise TimeoutError("the connection ended without an answer")
                lines.append(got.decode(errors="replace").rstrip("\n"))
            return lines
        finally:
            writer.close()
