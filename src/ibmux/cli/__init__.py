"""The command `ibmux`: verbs for people and programs. A plain install has no verbs, and says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NEEDED = frozenset({"cyclopts", "rich", "aiohttp", "prometheus_client", "psutil", "structlog", "ib_async", "uvloop"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; `arguments` default to the command line's."""
    try:
        from ibmux.cli.app import run  # noqa: PLC0415 - what a plain install lacks is found out here
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in NEEDED:
            raise
        sys.stderr.write(
            f"ibmux: {error.name} is not installed: this is the script side alone. The command, the proxy and the "
            "simulator come with the extra `proxy`; in the project's folder: pip install '.[proxy]'\n"
        )
        return 2
    return run(list(sys.argv[1:] if arguments is None else arguments))
