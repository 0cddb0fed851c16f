"""What must hold after any number of crashes, each as a function from the records to violations in words. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from crash_records import Kept, Name, Placed, Records

from ibmux.messages.trades import DONE

CANCELLED = frozenset({"Cancelled", "ApiCancelled"})
NOTHING_KNOWN = frozenset({"", "PendingSubmit", "ApiPending"})
"""States in which an order may not have reached the gateway yet."""
OWN_WORDS = frozenset({"proxy.unreachable"})
"""Codes that the client itself gives: they say that this question did not leave, not what became of an earlier one."""
APART = frozenset({"refusal", "note"})
"""Kinds of records that make no order."""
REJECTED = "order.rejected"
HEARD = ("order", "fill", "commission")
"""Kinds of entries that are events."""


def check(records: Records) -> list[str]:
    """Every violation."""
    return [f"{judge.__name__}: {each}" for judge in JUDGES for each in judge(records)]


def doubled(records: Records) -> Iterator[str]:
    """A key that became two orders."""
    for name, count in Counter(order.name for order in records.book).items():
        if count > 1:
            yield f"{name} is {count} orders at the gateway"


def lost(records: Records) -> Iterator[str]:
    """An order that a script was told of, and that the gateway or the journal does not have; or that stayed open."""
    book, standing = _book(records), {each.name for each in records.standings}
    for name, statuses in _told(records).items():
        known = {status for _, status in statuses} - NOTHING_KNOWN - {"Inactive"} - CANCELLED
        if known and name not in book:
            yield f"{name} was told as {_list(known)}, and the gateway does not have it"
        if known and name not in standing:
            yield f"{name} was told as {_list(known)}, and the journal does not have it"
    for script, diary in records.diaries.items():
        ended = {entry["job"] for entry in diary if entry["kind"] == "end" and entry["result"] != "stuck"}
        for entry in diary:
            if entry["kind"] == "begin" and entry["job"] not in ended:
                yield f"{script}'s job {entry['job']} ({', '.join(entry['keys'])}) never came to an end"


def unrecorded(records: Records) -> Iterator[str]:
    """An order at the gateway whose intent was not in the journal before."""
    for order in [*records.book, *records.held]:
        if not order.intended:
            yield f"{order.name} reached the gateway before its intent was durable"


def not_sent(records: Records) -> Iterator[str]:
    """An order that was told as not sent, and was."""
    taken: defaultdict[Name, list[float]] = defaultdict(list)
    for order in records.book:
        taken[order.name].append(order.time)
    for script, diary in records.diaries.items():
        for key, code, start, end in _refusals(diary):
            if any(time < end for time in taken[Name(script, key)]):
                when = ", ".join(f"{time - start:+.3f} s" for time in taken[Name(script, key)])
                yield f"{script}'s {key} was told {code}, and the gateway took it {when} after the question"


def never_came(records: Records) -> Iterator[str]:
    """An order that the journal says never came, and that was at the gateway by then."""
    taken = {order.name: order.time for order in records.book}
    for each in records.kept:
        if each.kind == "unsent" and taken.get(each.name, float("inf")) < each.time:
            yield f"{each.name} is said never to have come (record {each.seq}), and was at the gateway"


def _refusals(diary: list[dict[str, Any]]) -> Iterator[tuple[str, str, float, float]]:
    """Keys of which was said that nothing was sent: key, code, when it was asked, when it was asked next (or never)."""
    asked: dict[str, float] = {}
    open_ends: dict[str, tuple[str, str, float]] = {}
    for entry in diary:
        if not entry.get("method", "").startswith("place"):
            continue
        for key in entry["keys"]:
            if entry["kind"] == "ask":
                asked[key] = entry["time"]
                if key in open_ends:
                    yield *open_ends.pop(key), entry["time"]
            elif entry["kind"] == "error" and entry["outcome"] == "not_sent" and entry["code"] not in OWN_WORDS:
                open_ends[key] = (key, entry["code"], asked[key])
    for each in open_ends.values():
        yield *each, float("inf")


def untrue(records: Records) -> Iterator[str]:
    """A final state that a script was told, and that is not the order's."""
    book, held = _book(records), {order.name for order in records.held}
    for name, statuses in _told(records).items():
        order = book.get(name)
        for status in {status for _, status in statuses if status in DONE}:
            if order is None:
                if status not in {"Inactive", "ApiCancelled", *(CANCELLED if name in held else ())}:
                    yield f"{name} was told as {status}, and the gateway does not have it"
            elif not _alike(status, order.status):
                yield f"{name} was told as {status}, and is {order.status} at the gateway"
    for name, statuses in _told(records).items():
        last = statuses[-1][1]
        if last not in DONE and name in book:
            yield f"{name} was last told as {last}, and is {book[name].status} at the gateway"


def unfound(records: Records) -> Iterator[str]:
    """An order that the journal has, and of which a script was told that there is none."""
    kept: defaultdict[Name, list[Kept]] = defaultdict(list)
    for each in records.kept:
        kept[each.name].append(each)
    for script, diary in records.diaries.items():
        for entry in diary:
            if entry["kind"] == "error" and entry["code"] == "order.not_found":
                for key in entry["keys"]:
                    before = [
                        each for each in kept[Name(script, key)] if each.time < entry["time"] and each.kind not in APART
                    ]
                    if before and all(each.kind != "unsent" for each in before):
                        yield f"{script}'s {key} was not found by {entry['method']}, and has {len(before)} records"


def misrefused(records: Records) -> Iterator[str]:
    """An order that was told as rejected, and that worked or was filled."""
    book = _book(records)
    for script, diary in records.diaries.items():
        for entry in diary:
            if entry["kind"] != "error" or not entry["method"].startswith("place"):
                continue
            orders = [book[name] for key in entry["keys"] if (name := Name(script, key)) in book]
            if entry["outcome"] == "rejected":
                bad = [order for order in orders if order.filled or order.status not in DONE]
            else:  # of a unit with fills nothing certain is said, and it was not refused
                bad = [order for order in orders if order.status == "Filled"] if entry["code"] == REJECTED else []
            if bad:
                yield f"{script}'s {_list(entry['keys'])} was told as rejected; {bad[0].name} is {bad[0].status}"


def misjournalled(records: Records) -> Iterator[str]:
    """An order that ended otherwise than the journal says."""
    book, standings = _book(records), {each.name: each for each in records.standings}
    for name, order in book.items():
        known = standings.get(name)
        if known is None:
            yield f"{name} is {order.status} at the gateway, and not in the journal"
        elif not _alike(known.state, order.status):
            yield f"{name} is {known.state} in the journal, {order.status} at the gateway"
        elif known.permId != order.permId:
            yield f"{name} has the permId {known.permId} in the journal, {order.permId} at the gateway"
    held = {order.name for order in records.held}
    for name, known in standings.items():
        never = {"unsent", "Inactive", "ApiCancelled", *(CANCELLED if name in held else ())}
        if name not in book and known.state not in never:
            yield f"{name} is {known.state} in the journal, and not at the gateway"


def unchanged(records: Records) -> Iterator[str]:
    """A change that a script was told as done, and that its order does not have."""
    quantities = {order.name: order.quantity for order in records.book}
    for script, diary in records.diaries.items():
        changes = [each for each in diary if each.get("method") == "modifyOrder"]
        wishes = {Name(script, each["keys"][0]): each["wish"] for each in changes if each["kind"] == "ask"}
        done = {Name(script, each["keys"][0]) for each in changes if each["kind"] == "reply"}
        for name in done & wishes.keys():
            if quantities.get(name) != wishes[name]:
                yield f"{name} was told as changed to {wishes[name]:g}, and has {quantities.get(name)}"


def fills(records: Records) -> Iterator[str]:
    """A fill, or its commission, that its script was not told exactly once."""
    owed = Counter((order.name, number) for order in records.book for number in order.fills)
    for kind in ("fill", "commission"):
        told = Counter(
            (Name(script, entry["key"]), entry["execId"])
            for script, diary in records.diaries.items()
            for entry in diary
            if entry["kind"] == kind
        )
        for (name, number), count in (told - owed).items():
            yield f"the {kind} {number} of {name} was told {count + owed[name, number]} times"
        for name, number in owed - told:
            yield f"the {kind} {number} of {name} was never told"


def numbers(records: Records) -> Iterator[str]:
    """Events that did not come once, in the order of their numbers; or numbers that the journal does not have."""
    kept: defaultdict[str, list[int]] = defaultdict(list)
    for each in records.kept:
        if each.told:
            kept[each.name.script].append(each.seq)
    for script, diary in records.diaries.items():
        if any(entry["kind"] == "status" for entry in diary):
            continue  # its client follows the numbers
        heard = [entry["seq"] for entry in diary if entry["kind"] in HEARD]
        if heard != sorted(set(heard)):
            yield f"{script} heard numbers twice or out of order: {_steps(heard)}"
        if missing := sorted(set(kept[script]) - set(heard)):
            yield f"{script} did not hear {len(missing)} events: {_list(missing[:10])}"
        if foreign := sorted(set(heard) - set(kept[script])):
            yield f"{script} heard {len(foreign)} numbers that are no event of its own: {_list(foreign[:10])}"


def whole(records: Records) -> Iterator[str]:
    """A journal that is not whole."""
    yield from records.problems
    seqs = [each.seq for each in records.kept]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"its numbers have holes: {_steps(seqs)}"


def torn(records: Records) -> Iterator[str]:
    """A leg of a unit that was begun when another one was over already: it stands alone."""
    kept: defaultdict[Name, list[Kept]] = defaultdict(list)
    for each in records.kept:
        kept[each.name].append(each)
    for unit in records.units:
        over: tuple[int, Name] | None = None
        for each in sorted((each for name in unit for each in kept[name]), key=lambda each: each.seq):
            if each.kind == "order" and each.status in DONE:
                over = over or (each.seq, each.name)
            elif each.kind == "intent" and over is not None and over[1] != each.name:
                yield f"{each.name} was begun (record {each.seq}) when {over[1]} was over ({over[0]})"


def half_alive(records: Records) -> Iterator[str]:
    """A unit of which some legs live and others never came; or any order that still works when all scripts are done."""
    book = _book(records)
    for unit in records.units:
        alive = [name for name in unit if name in book and book[name].status not in DONE]
        absent = [name for name in unit if name not in book]
        if alive and absent:
            yield f"{_list(alive)} works, though {_list(absent)} never came"
        filled = [name for name in unit if name in book and book[name].filled]
        if filled and absent:
            yield f"{_list(filled)} was filled, though {_list(absent)} never came"
    for order in records.book:
        if order.status not in DONE:
            yield f"{order.name} is still {order.status}"
    sent = {(each.name, each.orderId) for each in records.kept if each.kind == "sent"}
    for order in records.held:
        if order.status not in DONE and (order.name, order.orderId) in sent:
            yield f"{order.name} still lies untransmitted at the gateway, under the known id {order.orderId}"


def faults(records: Records) -> Iterator[str]:
    """What a proxy logged as a fault."""
    yield from records.faults


JUDGES: tuple[Callable[[Records], Iterator[str]], ...] = (
    doubled, lost, unrecorded, not_sent, never_came, untrue, unfound, misrefused, misjournalled,
    unchanged, fills, numbers, whole, torn, half_alive,
    faults,
)  # fmt: skip


def _book(records: Records) -> dict[Name, Placed]:
    return {order.name: order for order in records.book}


def _told(records: Records) -> dict[Name, list[tuple[float, str]]]:
    """Every state that a script was told, with the time, in its order; not the word that an order never came."""
    found: defaultdict[Name, list[tuple[float, str]]] = defaultdict(list)
    never_came = {each.seq for each in records.kept if each.kind == "unsent"}
    own_word = {"status"}  # of the client: `Inactive` says that a question was not sent, too
    for script, diary in records.diaries.items():
        for entry in diary:
            if entry["kind"] == "reply":
                found[Name(script, entry["keys"][0])].append((entry["time"], entry["status"]))
            elif entry["kind"] == "order" and entry["seq"] in never_came:
                continue
            elif entry["kind"] == "order" or (entry["kind"] in own_word and entry["status"] != "Inactive"):
                found[Name(script, entry["key"])].append((entry["time"], entry["status"]))
    return found


def _alike(one: str, other: str) -> bool:
    return one == other or {one, other} <= CANCELLED


def _list(items: Any) -> str:
    return ", ".join(map(str, items))


def _steps(seqs: list[int]) -> str:
    """The first places at which numbers do not go up."""
    wrong = [(one, other) for one, other in pairwise(seqs) if other <= one]
    return _list(wrong[:5]) or "there are gaps"
