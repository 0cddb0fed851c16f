"""The mark by which an order's owner and key survive in the gateway: they travel in `orderRef`, behind the script's
own text.

Pure text in, text out. Source: Interactive Brokers returns orderRef unchanged in openOrder, execDetails and completed
orders.
"""

from __future__ import annotations

from typing import NamedTuple

from ibmux.topics import is_script_name

_MARK = "ibmux:"
_SPLIT = " | "


class Reference(NamedTuple):
    """What an orderRef says: the script's own text, and whose order it is under which key (both empty if not ours)."""

    text: str
    script: str
    key: str


def fits(key: str) -> bool:
    """Whether a key can travel in an orderRef: one that holds a mark would be read as another script's."""
    return _MARK not in key


def write(text: str, script: str, key: str) -> str:
    """The orderRef that goes to the gateway."""
    mark = f"{_MARK}{script}/{key}"
    return f"{text}{_SPLIT}{mark}" if text else mark


def read(order_ref: str) -> Reference:
    """Take an orderRef apart; one without our mark is all text."""
    text, found, mark = order_ref.rpartition(_MARK)
    script, slash, key = mark.partition("/")
    if not (found and slash) or (text and not text.endswith(_SPLIT)) or not is_script_name(script):
        return Reference(order_ref, "", "")
    return Reference(text.removesuffix(_SPLIT), script, key)
