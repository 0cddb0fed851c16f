"""What is written down: one record for each thing that was meant, done or told, under Interactive Brokers' names.

Knows no file; bodies are bytes that whoever writes them can read.
"""

from __future__ import annotations

from typing import Literal, Self

import msgspec

Kind = Literal["intent", "sent", "unsent", "order", "fill", "commission", "cancel", "change", "refusal", "note"]
"""`intent`, `change`, `cancel`: what a script wants, before it is sent. `sent`, `unsent`: it left; it certainly did
not. `order`, `fill`, `commission`: what the gateway told. `refusal`: a request was refused. `note`: all else.
"""
PROMISES = frozenset({"intent", "change"})
"""Kinds that are refused rather than kept waiting when they cannot be written: nothing was sent yet."""


class Record(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One entry of the journal.

    Attributes:
        gateway: name of the gateway.
        kind: what it tells of.
        script: the script whose order it is; `external` for orders of nobody here.
        key: the script's key of the order; empty where the record belongs to no order.
        orderId: the order's address, 0 if it has none yet; leave 0 for orders of other clientIds: the highest is
            what new ids start above.
        permId: the venue's identity of the order, 0 until it is known.
        execId: of a fill or a commission.
        status: the order's state in the gateway's own words (kind `order`), or words for a person.
        fingerprint: what makes an order the same order; empty where it does not change.
        body: a message of `ibmux.messages` as MessagePack.
        time: when it was handed over, seconds UTC; 0 lets the journal's clock say it.
        seq: its number, from 1, without holes; given when it is written.
    """

    gateway: str
    kind: Kind
    script: str = ""
    key: str = ""
    orderId: int = 0
    permId: int = 0
    execId: str = ""
    status: str = ""
    fingerprint: bytes = b""
    body: bytes = b""
    time: float = 0.0
    seq: int = 0


class Stored(int):
    """What `append` gives once its records are durable: the number of the last of them.

    Of a call whose records were all there already, it is the number of the newest record in the file.

    Attributes:
        seqs: the number of each record, as given; 0 for a fill, or a fill's commission, that was there already.
    """

    seqs: tuple[int, ...]

    def __new__(cls, last: int, seqs: tuple[int, ...]) -> Self:
        """Join the two."""
        made = super().__new__(cls, last)
        made.seqs = seqs
        return made

    def __repr__(self) -> str:
        return f"<Stored {int(self)}: {', '.join(map(str, self.seqs))}>"
