"""The root of the errors: how one is worded, registered by its code, and written to and read from the wire.

Subclasses register themselves, so that `from_wire` gives a script the same class that the proxy raised.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

Outcome = Literal["rejected", "not_sent", "unknown", "none"]


class IbmuxError(Exception):
    """Base of everything ibmux raises on purpose.

    Attributes:
        code: the wire code, stable across versions.
        message: what happened, in words for a person.
        hint: what to do about it.
        retryable: whether the same request may succeed later without a change.
        retry_after: seconds after which a retry makes sense, if known.
        outcome: the fate of an order: `rejected` and `not_sent` are certain, `unknown` is not, `none` for all else.
        ib: Interactive Brokers' own code and text, where there is one.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    outcome: ClassVar[Outcome] = "none"
    hint: ClassVar[str] = "This is a fault in ibmux: please report it with the proxy's log."
    registry: ClassVar[dict[str, type[IbmuxError]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        known = IbmuxError.registry.setdefault(cls.code, cls)
        if known is not cls and not issubclass(cls, known):
            raise TypeError(f"two errors share the code {cls.code}: {known.__name__}, {cls.__name__}")

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        outcome: Outcome | None = None,
        ib: tuple[int, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = hint or type(self).hint
        self.retry_after = retry_after
        self.fate: Outcome = outcome or type(self).outcome
        self.ib = ib

    def __str__(self) -> str:
        return f"{self.message} [{self.code}] {self.advice}".rstrip()

    def worded(self, message: str, outcome: Outcome | None = None) -> Self:
        """The same error in other words, with another fate if one is given; this one may belong to others too."""
        fate = outcome or self.fate
        return type(self)(message, hint=self.advice, retry_after=self.retry_after, outcome=fate, ib=self.ib)

    def to_wire(self) -> dict[str, Any]:
        """The error reply of the API: `{code, message, hint, retryable, retry_after?, outcome, ib?}`."""
        reply: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.advice}
        reply |= {"retryable": self.retryable, "outcome": self.fate}
        ib = {"code": self.ib[0], "message": self.ib[1]} if self.ib else None
        return reply | {
            name: each for name, each in (("retry_after", self.retry_after), ("ib", ib)) if each is not None
        }

    @staticmethod
    def from_wire(reply: dict[str, Any]) -> IbmuxError:
        """Rebuild the error that the proxy raised; an unknown code becomes a plain `IbmuxError`."""
        kind = IbmuxError.registry.get(str(reply.get("code")), IbmuxError)
        ib = reply.get("ib")
        return kind(
            str(reply.get("message", "the proxy answered with an error")),
            hint=reply.get("hint"),
            retry_after=reply.get("retry_after"),
            outcome=reply.get("outcome"),
            ib=(int(ib["code"]), str(ib["message"])) if ib else None,
        )
