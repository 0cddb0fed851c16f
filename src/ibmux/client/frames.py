"""Bars, ticks and other records as a table of pandas, which is loaded only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from ibmux.errors import RequestError


def df(objects: Iterable[Any], labels: Sequence[str] | None = None) -> Any:
    """A `pandas.DataFrame` with a row for each object and a column for each field, as ib_async's `util.df`.

    Takes the bars, ticks, positions, account values and other records that this client gives. `labels` are the columns
    to keep. None without objects.

    Raises:
        RequestError: these objects are no records.
        ImportError: pandas is not installed.
    """
    rows = list(objects)
    if not rows:
        return None
    names = columns(rows[0])
    frame = import_module("pandas").DataFrame  # a large library that most scripts do not need
    kept = [name for name in names if labels is None or name in labels]
    return frame.from_records([tuple(getattr(row, name) for name in kept) for row in rows], columns=kept)


def columns(row: Any) -> tuple[str, ...]:
    """The names of a record's fields.

    Raises:
        RequestError: it is no record.
    """
    names: tuple[str, ...] | None = getattr(row, "__struct_fields__", None) or getattr(row, "_fields", None)
    if names is None:
        raise RequestError(f"{type(row).__name__} is no record.", hint="Pass bars, ticks, positions or the like.")
    return tuple(names)
