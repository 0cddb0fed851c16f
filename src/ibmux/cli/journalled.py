"""Records of the journal for people and programs: what a body says, a line of a table, a row of columns. Pure.

A body is any message of `ibmux.messages`, of this version or of an older one: it is read as it is, without its type.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen
from ibmux.errors import RequestError
from ibmux.journal import Record

ContractOf = Callable[[Record], dict[str, Any]]
"""Knows the contract of a record's order."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
"""Seconds of each unit of an age."""
COLOURS = {"fill": "green", "commission": "green", "refusal": "red", "unsent": "red", "intent": "bold", "note": "dim"}
ROOMY = 130
"""Columns of a terminal from which on the table shows everything."""
KEY_WIDTH = 20
"""Columns that a key has on a narrow terminal."""
COLUMNS: dict[str, type] = {
    "seq": int, "time": dt.datetime, "gateway": str, "kind": str, "script": str, "key": str, "orderId": int,
    "permId": int, "execId": str, "status": str, "symbol": str, "secType": str, "conId": int, "account": str,
    "action": str, "totalQuantity": float, "orderType": str, "lmtPrice": float, "auxPrice": float, "filled": float,
    "avgFillPrice": float, "side": str, "shares": float, "price": float, "commission": float, "currency": str,
    "realizedPNL": float, "body": str,
}  # fmt: skip
"""What an export holds; `body` is the whole message as JSON, `time` in UTC, money in `currency`."""


def moment(text: str, now: float) -> float:
    """A time (ISO, local unless it names a zone) or an age (30m, 2h, 7d), as seconds UTC.

    Raises:
        RequestError: it is neither.
    """
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text):
        return now - float(found[1]) * UNITS[found[2]]
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise RequestError(
            f"{text!r} is no time.", hint="Write 2026-11-20, 2026-11-20T15:30, or an age: 30m, 2h, 7d."
        ) from None


def read_body(body: bytes) -> Any:
    """The message as plain values; as text in hexadecimal if it is no MessagePack."""
    if not body:
        return None
    try:
        return msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.hex()


def parts(record: Record) -> dict[str, dict[str, Any]]:
    """What is told of contract, order, orderStatus, execution and commissionReport; empty where nothing is."""
    tree = read_body(record.body)
    tree = tree if isinstance(tree, dict) else {}
    for inner in ("trade", "fill"):  # an event holds the message itself
        tree = tree[inner] if isinstance(tree.get(inner), dict) else tree
    names = ("contract", "order", "orderStatus", "execution", "commissionReport")
    found = {name: tree[name] if isinstance(tree.get(name), dict) else {} for name in names}
    if record.kind == "commission" and not found["commissionReport"]:
        found["commissionReport"] = tree
    return found


def contract_in(record: Record) -> dict[str, Any]:
    """The contract that it speaks of; empty if it names none."""
    return parts(record)["contract"]


def as_plain(record: Record) -> dict[str, Any]:
    """One record for JSON: time as text in UTC, the body as it was written."""
    plain = msgspec.structs.asdict(record)
    del plain["fingerprint"]
    return {"seq": plain.pop("seq"), **plain, "time": _utc(record.time), "body": read_body(record.body)}


def as_row(record: Record) -> dict[str, Any]:
    """One record under the names of `COLUMNS`; `None` where nothing is known."""
    told = parts(record)
    flat: dict[str, Any] = {}
    for name in ("commissionReport", "execution", "orderStatus", "order", "contract"):
        flat |= told[name]
    if record.kind in ("fill", "commission"):
        flat["commission"] = told["commissionReport"].get("commission")
        flat["currency"] = told["commissionReport"].get("currency")
    flat["account"] = told["order"].get("account") or told["execution"].get("acctNumber")
    own = {name: getattr(record, name) for name in COLUMNS if name in Record.__struct_fields__ and name != "body"}
    body = msgspec.json.encode(read_body(record.body)).decode() if record.body else None
    row = {name: _fitting(flat.get(name), kind) for name, kind in COLUMNS.items()}
    return row | own | {"time": _utc(record.time), "body": body}


def table(records: Iterable[Record], contract_of: ContractOf, *, head: bool = True, width: int = ROOMY) -> Table:
    """One line for each record, times local; without gateway and orderId where the terminal is narrow."""
    if width < ROOMY:
        return _narrow(records, contract_of, head=head)
    made = screen.table("seq>", "time", "gateway", "script", "key~", "kind", "orderId>", "what~", "status~")
    made.show_header = head
    cells = []
    for each in records:
        moment = time.strftime("%m-%d %H:%M:%S", time.localtime(each.time))
        number = str(each.orderId or "")
        kind = Text(each.kind, COLOURS.get(each.kind, ""))
        about = what(each, contract_of(each))
        cells.append((str(each.seq), moment, each.gateway, each.script, each.key, kind, number, about, standing(each)))
    return screen.rows(made, cells)


def _narrow(records: Iterable[Record], contract_of: ContractOf, *, head: bool) -> Table:
    """What matters most in 80 columns: the day only where it is not today's, what and status in one."""
    made = screen.table("seq>", "time", "script", "key~", "kind", "what~")
    made.show_header = head
    today, cells = time.strftime("%m-%d"), []
    for each in records:
        day, hour = time.strftime("%m-%d %H:%M:%S", time.localtime(each.time)).split()
        about = _with(what(each, contract_of(each)), standing(each))
        kind = Text(each.kind, COLOURS.get(each.kind, ""))
        cells.append((str(each.seq), hour if day == today else f"{day} {hour}", each.script, each.key, kind, about))
    made.columns[3].width = min(KEY_WIDTH, max(3, *(len(row[3]) for row in cells))) if cells else None
    return screen.rows(made, cells)


def what(record: Record, contract: dict[str, Any]) -> str:
    """What it is about, in short: `AAPL BUY 100 LMT 187.20`, `AAPL BOT 100 at 187.20`."""
    told = parts(record)
    order, done, cost = told["order"], told["execution"], told["commissionReport"]
    words = [_named(contract)]
    if done and record.kind == "fill":
        words += [done.get("side", ""), _quantity(done.get("shares")), f"at {_price(done.get('price'))}"]
    elif record.kind == "commission":
        words += [_price(cost.get("commission")), cost.get("currency", "")]
    elif order:
        prices = [_price(each) for name in ("lmtPrice", "auxPrice") if (each := order.get(name))]
        words += [order.get("action", ""), _quantity(order.get("totalQuantity")), order.get("orderType", ""), *prices]
    return " ".join(word for word in map(str, words) if word)


def _named(contract: dict[str, Any]) -> str:
    """`AAPL`, or of what expires `AAPL 20261218 190 C`."""
    if contract.get("localSymbol"):
        return str(contract["localSymbol"])
    strike = _quantity(contract.get("strike") or "")
    terms = [contract.get("symbol"), contract.get("lastTradeDateOrContractMonth"), strike]
    return " ".join(str(each) for each in (*terms, contract.get("right")) if each)


def standing(record: Record) -> str:
    """How it stands after this record, or why: `Filled at 187.20`, `Submitted, 40 filled`, `by desk`."""
    tree = read_body(record.body)
    tree = tree if isinstance(tree, dict) else {}
    match record.kind:
        case "order":
            return _with(_filled(record), f"{tree.get('code') or ''} {tree.get('message') or ''}".strip())
        case "intent":
            legs = [each for each in tree.get("unit") or () if each != record.key]
            return f"with {', '.join(legs)}" if legs else ""
        case "cancel" | "change":
            return f"by {tree['by']}" if tree.get("by") not in (None, record.script) else ""
        case "refusal":
            return _with(str(tree.get("method", "")), str(tree.get("message", record.status)))
        case "note":
            head = f"{record.status} by {tree['by']}" if tree.get("by") else record.status
            return _with(head, str(tree.get("reason") or ""))
    return record.status


def _filled(record: Record) -> str:
    told = parts(record)["orderStatus"]
    filled = told.get("filled") or 0.0
    if record.status == "Filled":
        return f"Filled at {_price(told.get('avgFillPrice'))}" if told.get("avgFillPrice") else "Filled"
    return f"{record.status}, {_quantity(filled)} filled" if filled else record.status


def _with(head: str, rest: str) -> str:
    return f"{head}: {rest}" if head and rest else head or rest


def _quantity(value: Any) -> str:
    return screen.quantity(float(value)) if isinstance(value, (int, float)) else ""


def _price(value: Any) -> str:
    return screen.price(float(value)) if isinstance(value, (int, float)) else ""


def _fitting(value: Any, kind: type) -> Any:
    """The value if it is of this kind, or a whole number where a broken one is meant."""
    if kind is float and isinstance(value, int):
        return float(value)
    return value if isinstance(value, kind) else None


def _utc(moment: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment, dt.UTC)
