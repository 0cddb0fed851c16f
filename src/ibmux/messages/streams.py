"""What the claim on a shared stream tells, whatever is streamed."""

from __future__ import annotations

from ibmux.messages.contracts import Contract
from ibmux.messages.wire import Record


class StreamClaim(Record):
    """Where a stream is heard, until when (`ttl`, seconds), and the number of its next item at `time` (seconds UTC)."""

    conId: int
    contract: Contract
    ttl: float
    topic: str
    epoch: int
    seq: int
    time: float
