"""How an order stands after its records: the rules of the table `orders`, which the file keeps by itself. Pure.

`verify` compares both; whoever changes one of them changes the schema's trigger `advance_order`, too.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ibmux.journal.records import Record
from ibmux.messages.trades import DONE

FINISHED = DONE | {"unsent"}
"""States of which none follows; every other order is looked at after a crash."""
APART = frozenset({"refusal", "note"})
"""Kinds that say nothing of how an order stands."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One order as the journal knows it.

    Attributes:
        gateway: name of the gateway.
        script: whose order it is.
        key: that script's key.
        fingerprint: of the order as it was last meant.
        orderId: its address, 0 if none was given.
        permId: the venue's identity, 0 if it is not known.
        state: `intent` (written down, maybe not sent), `sent`, `unsent`, else the gateway's own word; empty of an
            order of which only fills are known.
        intentSeq: sequence number of its (last) intent; 0 of an order that was adopted.
        lastSeq: sequence number of its last record.
        time: of that record, seconds UTC.
        intent: body of the intent.
        body: body of the last record of kind `order`; empty before the first one.
    """

    gateway: str
    script: str
    key: str
    fingerprint: bytes = b""
    orderId: int = 0
    permId: int = 0
    state: str = ""
    intentSeq: int = 0
    lastSeq: int = 0
    time: float = 0.0
    intent: bytes = b""
    body: bytes = b""

    @property
    def finished(self) -> bool:
        """Whether nothing more can become of it."""
        return self.state in FINISHED


def advance(known: Standing | None, record: Record) -> Standing | None:
    """The order after one more of its records; `known` is `None` before the first. `None` if it is of no order."""
    if not record.key or record.kind in APART:
        return known
    was = known or Standing(gateway=record.gateway, script=record.script, key=record.key)
    intent = record.kind == "intent"
    return replace(
        was,
        fingerprint=record.fingerprint or was.fingerprint,
        orderId=record.orderId or was.orderId,
        permId=record.permId or was.permId,
        state=_state(known, record),
        intentSeq=record.seq if intent else was.intentSeq,
        lastSeq=record.seq,
        time=record.time,
        intent=record.body if intent else was.intent,
        body=b"" if intent else record.body if record.kind == "order" and record.body else was.body,
    )


def is_taken(known: Standing | None) -> bool:
    """Whether an intent of this key is refused: there is, or was, an order of it that may have been sent."""
    return known is not None and known.state != "unsent"


def _state(known: Standing | None, record: Record) -> str:
    """`unsent` is said only of what is certain, whatever was heard of the order before. After the end of an order it is
    said of a later attempt under its key, whose intent was refused.
    """
    was = known.state if known else ""
    match record.kind:
        case "intent":
            return "intent"
        case "sent" if known is None or was == "intent":
            return "sent"
        case "unsent" if known is None or (known.intentSeq and not known.finished):
            return "unsent"
        case "order":
            return record.status or was
    return was
