"""The sums of a day: against caps, given back, begun anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.tally import DAY, Caps, Item, Tally
from ibmux.errors import LimitExceeded

ANY = Caps()


def tally(*booked):
    made = Tally()
    made.roll(10 * DAY)
    for script, key, value in booked:
        made.book(script, [Item(key, value, "USD")])
    return made


def test_a_cap_on_orders_of_a_script_and_of_all():
    day = tally(("ann", "1", 0.0), ("ann", "2", 0.0), ("bob", "1", 0.0))
    day.check("ann", [Item("3")], Caps(orders=3), Caps(orders=4))
    with pytest.raises(LimitExceeded, match="ann has sent 2 orders today; 2 are allowed"):
        day.check("ann", [Item("3")], Caps(orders=2), ANY)
    with pytest.raises(LimitExceeded, match="All scripts together have sent 3 orders today; 3 are allowed"):
        day.check("cid", [Item("1")], ANY, Caps(orders=3))
    with pytest.raises(LimitExceeded):
        day.check("ann", [Item("3"), Item("4")], Caps(orders=3), ANY)


def test_a_cap_on_value_counts_each_currency_by_itself():
    day = tally(("ann", "1", 800.0), ("bob", "1", 100.0))
    day.check("ann", [Item("2", 200.0, "USD")], Caps(value=1000), ANY)
    day.check("ann", [Item("2", 900.0, "EUR")], Caps(value=1000), ANY)
    with pytest.raises(LimitExceeded, match=r"ann's orders of today are worth 800\.00 USD; this one adds 201\.00"):
        day.check("ann", [Item("2", 201.0, "USD")], Caps(value=1000), ANY)
    with pytest.raises(LimitExceeded, match=r"All scripts' orders of today are together worth 900\.00 USD"):
        day.check("bob", [Item("2", 200.0, "USD")], ANY, Caps(value=1000))
    with pytest.raises(LimitExceeded):  # two legs, each of which would fit
        day.check("ann", [Item("2", 150.0, "USD"), Item("3", 150.0, "USD")], Caps(value=1000), ANY)


def test_an_order_of_no_value_passes_a_spent_cap_on_value():
    tally(("ann", "1", 1000.0)).check("ann", [Item("2")], Caps(value=500), ANY)


def test_the_same_key_counts_once():
    day = tally(("ann", "1", 800.0), ("ann", "1", 800.0))
    day.check("ann", [Item("1", 800.0, "USD")], Caps(orders=1, value=900), ANY)
    assert (day.orders["ann"], day.of_all("USD")) == (1, 800.0)


def test_a_change_adds_value_and_no_order():
    day = tally(("ann", "1", 800.0))
    day.check("ann", [Item("", 100.0, "USD")], Caps(orders=1, value=900), ANY)
    day.book("ann", [Item("", 100.0, "USD")])
    assert (day.orders["ann"], day.of_all("USD")) == (1, 900.0)


def test_what_was_not_sent_counts_for_nothing_what_was_refused_as_an_order():
    day = tally(("ann", "1", 800.0), ("ann", "2", 100.0), ("ann", "3", 50.0))
    day.release("ann", "1")
    day.refund("ann", "2")
    for _ in range(2):  # said twice
        day.release("ann", "1")
        day.refund("ann", "2")
    day.refund("ann", "none")
    assert (day.orders["ann"], day.of_all("USD")) == (2, 50.0)
    day.book("ann", [Item("1", 800.0, "USD")])  # tried again
    assert (day.orders["ann"], day.of_all("USD")) == (3, 850.0)


def test_what_was_before_a_restart_stays_counted():
    day = tally(("ann", "1", 800.0))
    day.seal()
    day.book("ann", [Item("1", 800.0, "USD"), Item("2", 10.0, "USD")])
    day.release("ann", "1")  # only the second try was not sent
    day.release("ann", "2")
    assert (day.orders["ann"], day.of_all("USD")) == (1, 800.0)


def test_a_day_ends_at_midnight_utc():
    day = tally(("ann", "1", 800.0))
    day.seal()
    day.roll(11 * DAY - 0.1)
    assert day.orders["ann"] == 1
    day.roll(11 * DAY)
    assert (day.orders.total(), day.of_all("USD"), day.sealed) == (0, 0, set())
    day.release("ann", "1")
    assert day.orders.total() == 0


NAMES = st.tuples(st.sampled_from("ab"), st.sampled_from("123"))


@given(st.lists(st.tuples(st.sampled_from(("book", "release", "refund")), NAMES, st.integers(0, 9))))
def test_the_sums_are_those_of_what_is_booked(steps):
    day, known = tally(), {}
    for verb, name, value in steps:
        if verb == "book":
            day.book(name[0], [Item(name[1], float(value), "USD")])
            known.setdefault(name, value)
        elif verb == "release":
            day.release(*name)
            known.pop(name, None)
        else:
            day.refund(*name)
            known.update({name: 0} if name in known else {})
    assert day.orders.total() == len(known)
    assert day.of_all("USD") == sum(known.values())
