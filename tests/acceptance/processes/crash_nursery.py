"""Starts proxies, traders and gateways by forking, with everything imported already: in milliseconds, not a second.

On its input one JSON map a line: `{"run": "proxy" | "trader" | "gateway", ...}`, `{"kill": [pid, ...]}` in one instant,
or `{"arm": pid, "with": [pid, ...]}`: SIGUSR1, and when it ends, these are killed. On its output one a line:
`{"born": pid}` in the order of the starts, `{"ended": pid, "code": …}`, and what the children themselves report.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from collections.abc import Iterable
from typing import Any

import crash_proxy
import crash_relay
import crash_trader

PROGRAMS = {"proxy": crash_proxy.run, "trader": crash_trader.run, "gateway": crash_relay.run}


def say(**report: Any) -> None:
    """One line, in one write: lines of several processes do not mix."""
    os.write(1, json.dumps(report).encode() + b"\n")


def start(order: dict[str, Any]) -> int:
    """Fork a child that runs a program; its number."""
    child = os.fork()
    if child:
        return child
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    errors = os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(errors, 2)
    code = 1
    try:
        code = PROGRAMS[order["run"]](order, say)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


class Family:
    """The children that are alive; `company` are those that end with another one."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.company: dict[int, list[int]] = {}

    def obey(self, line: bytes) -> None:
        """One order."""
        order = json.loads(line)
        match order:
            case {"kill": victims}:
                self.signal(victims, signal.SIGKILL)
            case {"arm": child, "with": company}:
                self.company[child] = company
                self.signal([child], signal.SIGUSR1)
            case _:
                self.alive.add(child := start(order))
                say(born=child, name=order["name"])

    def signal(self, children: Iterable[int], number: int) -> None:
        """Send a signal; a number that is free again may be another process, and gets none."""
        for child in self.alive.intersection(children):
            os.kill(child, number)

    def reap(self) -> None:
        """Report children that have ended; their company ends now."""
        while self.alive:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            self.alive.discard(child)
            self.signal(self.company.pop(child, ()), signal.SIGKILL)
            say(ended=child, code=os.waitstatus_to_exitcode(status))

    def end(self) -> None:
        """Nobody is left behind."""
        self.signal(tuple(self.alive), signal.SIGKILL)
        for child in self.alive:
            os.waitpid(child, 0)


def listen_for_ends() -> int:
    """What becomes readable when a child ends."""
    ends, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    return ends


def main() -> None:
    """Until the input ends."""
    gc.collect()
    gc.freeze()  # pages that nobody writes to stay shared with the children
    family, ends, rest = Family(), listen_for_ends(), b""
    while True:
        readable, _, _ = select.select([0, ends], [], [])
        if ends in readable:
            os.read(ends, 4096)
            family.reap()
        if 0 in readable:
            data = os.read(0, 65_536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                family.obey(line)
    family.end()


if __name__ == "__main__":
    main()
