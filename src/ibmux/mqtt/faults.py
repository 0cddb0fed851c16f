"""The one way in which bad input ends a connection: a fault with its MQTT 5 reason code."""

from __future__ import annotations

from mqtt5 import DisconnectReasonCode


class Fault(Exception):
    """The peer broke the protocol, or a limit; the connection ends with this reason.

    Attributes:
        code: reason code of the DISCONNECT.
        text: its reason string.
    """

    def __init__(self, code: DisconnectReasonCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def protocol_error(text: str) -> Fault:
    """What the specification calls a Protocol Error (0x82)."""
    return Fault(DisconnectReasonCode.PROTOCOL_ERROR, text)


def malformed(text: str) -> Fault:
    """What the specification calls a Malformed Packet (0x81)."""
    return Fault(DisconnectReasonCode.MALFORMED_PACKET, text)
