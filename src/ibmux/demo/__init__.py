"""`ibmux demo`: a simulated gateway, the proxy and four scripts, each its own process, on one upstream session.

The scripts in `scripts/` are examples: they use what any script can import, and know nothing of the demo.
"""

from __future__ import annotations


def run(seconds: float | None = None, plain: bool = False) -> int:
    """Run the demo and return the exit code: 0 if everything worked.

    Args:
        seconds: end by itself after so many seconds; None goes on until Ctrl-C.
        plain: print lines instead of the live view.
    """
    from ibmux.demo.stage import play  # noqa: PLC0415 - the scripts' processes import this package, not all of it

    return play(seconds, plain)
