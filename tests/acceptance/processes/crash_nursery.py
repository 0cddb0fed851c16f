"""Starts proxies and traders by forking, with everything imported already: a start costs milliseconds, not a second.

On its input one JSON map a line: `{"run": "proxy" | "trader", ...}`, or `{"kill": pid}`. On its output one a line:
`{"born": pid}` in the order of the starts, `{"ended": pid, "code": …}`, and what the children themselves report.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from typing import Any

import crash_proxy
import crash_trader

PROGRAMS = {"proxy": crash_proxy.run, "trader": crash_trader.run}
LOOK = 0.02
"""Seconds between two looks for children that have ended."""


def say(**report: Any) -> None:
    """One line, in one write: lines of several processes do not mix."""
    os.write(1, json.dumps(report).encode() + b"\n")


def start(order: dict[str, Any]) -> int:
    """Fork a child that runs a program; its number."""
    child = os.fork()
    if child:
        return child
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


def obey(line: bytes, alive: set[int]) -> None:
    """One order."""
    order = json.loads(line)
    if "kill" in order:
        if order["kill"] in alive:  # a number that is free again may be another process
            os.kill(order["kill"], signal.SIGKILL)
        return
    alive.add(child := start(order))
    say(born=child, name=order["name"])


def reap(alive: set[int]) -> None:
    """Report children that have ended."""
    while alive:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        alive.discard(child)
        say(ended=child, code=os.waitstatus_to_exitcode(status))


def main() -> None:
    """Until the input ends; then nobody is left behind."""
    gc.collect()
    gc.freeze()  # pages that nobody writes to stay shared with the children
    alive: set[int] = set()
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK)
        if readable:
            data = os.read(0, 65_536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                obey(line, alive)
        reap(alive)
    for child in alive:
        os.kill(child, signal.SIGKILL)
    for child in alive:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
