"""What Interactive Brokers' message codes mean for an order. Tables only.

Source: IB's list of API message codes; which of them leave an order alive was seen in recordings of gateways.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["information", "cancelled", "cancel_refused", "change_refused", "refused"]

_INFORMATION = frozenset({131, 399, 404, 1100, 1101, 1102, 10018, 10019, 10090, 10167, 10197, 10233, 10349})
"""Held for the opening, shares being located, attributes ignored, TIF set by a preset, ...: the order lives on."""
_CANCEL_REFUSED = frozenset({135, 136, 161, 10147, 10148})
_CHANGE_REFUSED = frozenset({2102})
"""The order is still being processed: it lives on, also where it has not been acknowledged yet."""


def judge(code: int) -> Verdict:
    """What an error message about an order says of it; `refused` concerns the latest placement or modification."""
    if code == 202:
        return "cancelled"
    if code in _CANCEL_REFUSED:
        return "cancel_refused"
    if code in _CHANGE_REFUSED:
        return "change_refused"
    if code in _INFORMATION or 2100 <= code < 2200:
        return "information"
    return "refused"
