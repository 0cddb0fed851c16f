"""Long calculations as generators that pause (yield) often and end with their result: who runs them sets the pace."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")
Gradual = Generator[None, None, Result]


def outcome(steps: Gradual[Result]) -> Result:
    """Calculate without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found
