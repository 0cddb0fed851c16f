"""Claims: who follows which stream, and which streams nobody wants any more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.claims import Claims
from ibmux.core.leases import Owner

A, B = Owner("a", "1"), Owner("b", "1")


def test_a_stream_is_wanted_until_its_last_claim_ends() -> None:
    claims: Claims[str] = Claims()
    assert claims.take("x", A, "over")
    assert not claims.take("x", A, "over"), "asking again is no second claim"
    assert claims.take("x", B, "")
    assert (len(claims), claims.owned_by(A), "x" in claims, "y" in claims) == (2, 1, True, False)
    assert claims.release("x", A)
    assert not claims.release("x", A)
    assert "x" in claims
    assert claims.release("x", B)
    assert "x" not in claims
    assert len(claims) == 0


def test_claims_end_with_their_copy_and_with_their_connection() -> None:
    claims: Claims[str] = Claims()
    for key in ("x", "y"):
        claims.take(key, A, "over")
    claims.take("y", B, "other")
    assert claims.release_owner(A) == ["x"]
    claims.take("x", A, "over")
    assert claims.release_client("nobody") == []
    assert claims.release_client("over") == ["x"]
    assert claims.release_client("other") == ["y"]
    assert len(claims) == 0


OWNERS = st.sampled_from([A, B, Owner("a", "2")])
KEYS = st.integers(0, 3)
CLIENTS = st.sampled_from(["", "p", "q"])
STEPS = st.lists(
    st.tuples(st.just("take"), KEYS, OWNERS, CLIENTS)
    | st.tuples(st.just("release"), KEYS, OWNERS)
    | st.tuples(st.just("release_owner"), OWNERS)
    | st.tuples(st.just("release_client"), CLIENTS)
)


@given(STEPS)
def test_what_is_wanted_is_what_somebody_claims(steps: list[tuple[object, ...]]) -> None:
    claims: Claims[int] = Claims()
    model: dict[tuple[int, Owner], str] = {}
    for step in steps:
        if step[0] == "take":
            _, key, owner, client = step
            assert claims.take(key, owner, client) == ((key, owner) not in model)  # type: ignore[arg-type]
            model[key, owner] = client  # type: ignore[index, assignment]
        elif step[0] == "release":
            assert claims.release(*step[1:]) == (model.pop(step[1:], None) is not None)  # type: ignore[arg-type, call-overload]
        else:
            wanted = {key for key, _ in model}
            gone = [
                pair for pair, over in model.items() if (pair[1] if step[0] == "release_owner" else over) == step[1]
            ]
            for pair in gone:
                del model[pair]
            freed = getattr(claims, str(step[0]))(step[1])
            assert sorted(freed) == sorted(wanted - {key for key, _ in model})
        assert {key for key in range(4) if key in claims} == {key for key, _ in model}
        assert len(claims) == len(model)
