"""What a recording must not tell: account numbers, names of people, and words that its owner names.

Replacements are the same throughout a recording, so that who is who can still be followed. Numbers of contracts,
orders and executions stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ibmux.tws.layout import Message

ACCOUNT = re.compile(r"\b(D?[FIU]|DU[A-Z])(\d{4,9})\b")
"""Interactive Brokers' account numbers: U individual, F advisor, I broker; D in front for paper trading."""
NAMES = ("faGroup", "faProfile", "modelCode", "clearingAccount", "settlingFirm")
"""Fields in which people name clients, groups of accounts and portfolios."""
_NAMED = re.compile(r"(<(alias|name)>)(.*?)(</\2>)", re.DOTALL)
"""The same in an advisor's XML."""


class Mask:
    """Replaces what is private in the texts of messages.

    Args:
        words: further texts to hide wherever they stand (a user's name, a strategy's).
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._accounts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._words = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word))

    def hide(self, texts: Sequence[str], message: Message | None = None, version: int = 0) -> list[str]:
        """The same texts without what is private; `message` tells which of them are names."""
        hidden = [self._hide(text) for text in texts]
        for name in NAMES if message is not None else ():
            place = message.position(name, version) if message is not None else None
            if place is not None and place < len(texts) and texts[place] not in ("", "IB"):
                hidden[place] = self._pseudonym(texts[place])
        return hidden

    def _hide(self, text: str) -> str:
        if len(text) < 3:
            return text
        if "<alias>" in text or "<name>" in text:
            text = _NAMED.sub(lambda found: f"{found[1]}{self._pseudonym(found[3])}{found[4]}", text)
        if self._words.pattern:
            text = self._words.sub(lambda found: self._pseudonym(found[0]), text)
        return ACCOUNT.sub(self._number, text)

    def _pseudonym(self, name: str) -> str:
        return self._names.setdefault(name, f"name{len(self._names) + 1}")

    def _number(self, found: re.Match[str]) -> str:
        return self._accounts.setdefault(found[0], f"{found[1]}{len(self._accounts) + 1:07d}")
