"""How messages become bytes and back: MessagePack by msgspec. Knows no particular message.

Structs are maps on the wire, under Interactive Brokers' own field names; a field that has its default is left out.
Times are MessagePack timestamps (UTC). Any MessagePack library reads them.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ibmux.errors import MalformedRequest, RequestError

CONTENT_TYPE = "application/msgpack"

T = TypeVar("T")


class Record(msgspec.Struct, omit_defaults=True, repr_omit_defaults=True):
    """Base of everything that the proxy sends; unknown fields are ignored, so that old clients read new proxies."""


class Input(msgspec.Struct, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True):
    """Base of everything that a script sends; an unknown field is an error, so that no argument is silently lost."""


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
"""One message as MessagePack bytes."""

_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def decode(payload: bytes, kind: type[T] | Any) -> T:
    """Read a message of type `kind`.

    Raises:
        msgspec.ValidationError: a field of the wrong type; the text holds its path.
        msgspec.DecodeError: not MessagePack.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    result: T = decoder.decode(payload)
    return result


def decode_request(payload: bytes, kind: type[T]) -> T:
    """Read a request; an empty payload counts as an empty map.

    Raises:
        RequestError: an unknown or ill-typed argument, with its path.
        MalformedRequest: not a MessagePack map.
    """
    try:
        return decode(payload or b"\x80", kind)
    except msgspec.ValidationError as error:
        if str(error).startswith("Expected `object`, got") and "at `$" not in str(error):
            raise MalformedRequest("The payload is not a map of keyword arguments.") from None
        raise RequestError(_in_words(str(error))) from None
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"The payload is not MessagePack: {error}.") from None


def _in_words(text: str) -> str:
    """Msgspec's text with the argument's path as a person would write it."""
    return text.replace("Object contains unknown field", "There is no argument").replace(" - at `$.", " - at `") + "."
