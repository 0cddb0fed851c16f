"""The gateway's notices about Interactive Brokers' data farms, as facts. Each farm is its own; none is the session."""

from __future__ import annotations

_UP = {2103: False, 2104: True, 2105: False, 2106: True, 2107: True, 2108: True, 2119: False, 2157: False, 2158: True}
"""2107 and 2108 say that a farm sleeps and will wake when it is needed: nothing is wrong."""


def read(code: int, text: str) -> tuple[str, bool] | None:
    """Name of the farm, and whether it serves; `None` for any other message.

    The name follows the last colon; in 2107 and 2108 some gateways write a full stop there.
    """
    if code not in _UP:
        return None
    name = text.rpartition(":")[2].strip()
    if " " in name or name == text:
        name = text.rpartition(".")[2].strip()
    return (name or str(code)), _UP[code]
