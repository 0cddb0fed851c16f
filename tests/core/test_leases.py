"""Leases in, lines out: whatever happens, the open lines are the union of what scripts claim."""

from hypothesis import given, note
from hypothesis import strategies as st

from ibmux.core.leases import LeaseBook, Owner, plan

ALICE, BOB = Owner("alice", "1"), Owner("bob", "1")
NONE: frozenset[str] = frozenset()
RT = frozenset({"233"})


def test_two_scripts_share_one_line():
    book = LeaseBook(linger=10)
    book.take(ALICE, 1, NONE, until=60)
    book.take(BOB, 1, RT, until=60)
    assert book.wanted(0) == {1: RT}
    assert plan(book.wanted(0), {}).open == {1: RT}
    assert len(book) == 2 and "2 leases" in repr(book)


def test_a_line_lingers_after_its_last_lease():
    book = LeaseBook(linger=10)
    book.take(ALICE, 1, NONE, until=60)
    assert book.release(ALICE, 1, now=5)
    assert not book.release(ALICE, 1, now=5)
    assert book.wanted(14.9) == {1: NONE}
    assert book.wanted(15) == {}
    assert plan(book.wanted(15), {1: NONE}).close == {1}


def test_a_lease_in_the_lingering_time_keeps_the_line():
    book = LeaseBook(linger=10)
    book.take(ALICE, 1, NONE, until=60)
    book.release(ALICE, 1, now=5)
    book.take(BOB, 1, NONE, until=60)
    assert book.wanted(50) == {1: NONE}


def test_the_end_of_one_owner_leaves_the_lease_of_the_other():
    book = LeaseBook(linger=0)
    book.take(ALICE, 1, NONE, until=60)
    book.take(ALICE, 2, NONE, until=60)
    book.take(BOB, 1, NONE, until=60)
    assert book.owned_by(ALICE) == 2
    assert book.release_owner(ALICE, now=1) == 2
    assert book.wanted(1) == {1: NONE}


def test_a_lease_that_is_not_renewed_ends():
    book = LeaseBook(linger=0)
    book.take(ALICE, 1, NONE, until=60)
    assert book.expire(59) == 0
    book.take(ALICE, 1, NONE, until=90)
    assert book.expire(60) == 0
    assert book.expire(90) == 1
    assert book.wanted(90) == {}


def test_generic_ticks_reopen_a_line_only_to_add():
    assert plan({1: RT}, {1: NONE}).reopen == {1: RT}
    assert plan({1: NONE}, {1: RT}).reopen == {}
    assert plan({1: frozenset({"100"})}, {1: RT}).reopen == {1: frozenset({"100", "233"})}


def test_a_line_that_lingers_longest_makes_room():
    book = LeaseBook(linger=10)
    assert book.give_up_lingering() is None
    for con_id, now in ((1, 3), (2, 1), (3, 2)):
        book.take(ALICE, con_id, NONE, until=60)
        book.release(ALICE, con_id, now)
    assert book.give_up_lingering() == 2
    assert set(book.wanted(4)) == {1, 3}


def test_a_refused_line_takes_its_leases_along():
    book = LeaseBook(linger=10)
    book.take(ALICE, 1, NONE, until=60)
    book.take(BOB, 2, NONE, until=60)
    book.drop_line(1)
    assert book.wanted(0) == {2: NONE}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "release", "leave", "expire"]),
        st.sampled_from([ALICE, BOB, Owner("alice", "2")]),
        st.integers(1, 4),
        st.sampled_from([NONE, RT, frozenset({"100"})]),
    ),
    max_size=60,
)


@given(STEPS)
def test_after_carrying_out_the_plan_the_lines_are_the_union_of_the_leases(steps):
    book, now, opened = LeaseBook(linger=2), 0.0, {}
    model: dict[tuple[Owner, int], tuple[frozenset[str], float]] = {}
    for what, owner, con_id, generics in steps:
        now += 1
        if what == "take":
            book.take(owner, con_id, generics, now + 5)
            model[owner, con_id] = (generics | model.get((owner, con_id), (NONE, 0))[0], now + 5)
        elif what == "release":
            book.release(owner, con_id, now)
            model.pop((owner, con_id), None)
        elif what == "leave":
            book.release_owner(owner, now)
            model = {key: value for key, value in model.items() if key[0] != owner}
        else:
            book.expire(now)
            model = {key: value for key, value in model.items() if value[1] > now}
        todo = plan(book.wanted(now), opened)
        opened = {k: v for k, v in {**opened, **todo.open, **todo.reopen}.items() if k not in todo.close}
        note(f"{now} {what} {owner} {con_id} -> {opened}")
        for (_, each), (wanted, _) in model.items():
            assert wanted <= opened[each]
        assert len(book) == len(model)
    book.expire(now + 100)
    assert book.wanted(now + 200) == {}


def test_a_lease_that_led_to_nothing_is_undone():
    book = LeaseBook(linger=10)
    assert book.find(ALICE, 1) is None
    book.take(ALICE, 1, RT, until=60)
    book.restore(ALICE, 1, None)
    assert book.wanted(0) == {}
    before = book.take(ALICE, 1, NONE, until=60)
    book.take(ALICE, 1, RT, until=90)
    book.restore(ALICE, 1, before)
    assert book.find(ALICE, 1) == before
    book.release_owner(ALICE, now=0)
    book.restore(ALICE, 1, before)
    assert book.find(ALICE, 1) is None
