"""Things by number: all that somebody holds, and of the rest those that were used last.

What is asked for again after it was let go has to be made again by who asks. It knows nothing of what it keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

Thing = TypeVar("Thing")


class Shelf(Generic[Thing]):
    """A bounded store.

    Args:
        size: how many things are kept that nobody holds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._all: WeakValueDictionary[int, Thing] = WeakValueDictionary()
        self._latest: OrderedDict[int, Thing] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def get(self, number: int) -> Thing | None:
        """The thing of that number, if it is still there; it counts as used."""
        latest = self._latest
        if number in latest:
            latest.move_to_end(number)
            return latest[number]
        found = self._all.get(number)
        if found is not None:
            self._use(number, found)
        return found

    def put(self, number: int, thing: Thing) -> None:
        """Keep a thing under a number."""
        self._all[number] = thing
        self._use(number, thing)

    def _use(self, number: int, thing: Thing) -> None:
        self._latest[number] = thing
        if len(self._latest) > self._size:
            self._latest.popitem(last=False)

    def values(self) -> list[Thing]:
        """All that is there."""
        return list(self._all.values())
