"""The journal's records into files: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ibmux.cli.journalled import COLUMNS, as_row
from ibmux.journal import Record

BATCH = 5000
"""Rows that are held in memory at once."""


def write_csv(records: Iterable[Record], path: Path) -> int:
    """One row for each record, times as ISO text in UTC; how many there were.

    Raises:
        OSError: the file cannot be written.
    """
    count = 0
    with _opened(path) as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        writer.writeheader()
        for record in records:
            row = as_row(record)
            count += 1
            writer.writerow(row | {"time": row["time"].isoformat()})
    return count


def write_parquet(records: Iterable[Record], path: Path) -> int:
    """The same with typed columns, times in UTC; how many there were.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string(), dt.datetime: arrow.timestamp("us", "UTC")}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    count = 0
    with parquet.ParquetWriter(str(path), schema) as writer:
        for rows in _batches(as_row(each) for each in records):
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdout
        sys.stdout.flush()
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            yield file
