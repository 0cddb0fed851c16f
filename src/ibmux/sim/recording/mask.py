"""What a recording must not tell: account numbers, names of people, and words that its owner names.

Replacements are the same throughout a recording, so that who is who can still be followed. Numbers of contracts,
orders and executions stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ACCOUNT = re.compile(r"\b(D?[FIU]|DU[A-Z])(\d{4,9})\b")
"""Interactive Brokers' account numbers: U individual, F advisor, I broker; D in front for paper trading."""
_ALIAS = re.compile(r"(<alias>)(.*?)(</alias>)", re.DOTALL)
_HIDDEN = "masked"


class Mask:
    """Replaces what is private in the texts of messages.

    Args:
        words: further texts to hide wherever they stand (a user's name, a strategy's).
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._accounts: dict[str, str] = {}
        self._words = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word))

    def hide(self, texts: Sequence[str]) -> list[str]:
        """The same texts without what is private."""
        return [self._hide(text) for text in texts]

    def _hide(self, text: str) -> str:
        if len(text) < 3:
            return text
        if "<alias>" in text:
            text = _ALIAS.sub(rf"\1{_HIDDEN}\3", text)
        if self._words.pattern:
            text = self._words.sub(_HIDDEN, text)
        return ACCOUNT.sub(self._name, text)

    def _name(self, found: re.Match[str]) -> str:
        account = found[0]
        if account not in self._accounts:
            self._accounts[account] = f"{found[1]}{len(self._accounts) + 1:07d}"
        return self._accounts[account]
