"""Single values of the wire: which texts are numbers, and how infinity is spelled."""

import math

import pytest

from ibmux.tws.values import FLOAT, INT, STRIKE, UNSET_LONG, Kind


@pytest.mark.parametrize(
    ("kind", "text"), [(INT, "9" * 20), (INT, "1e30"), (STRIKE, "Infinity"), (FLOAT, "inf"), (FLOAT, "nan")]
)
def test_numbers_that_no_gateway_reads(kind: Kind, text: str) -> None:
    assert INT.read(str(UNSET_LONG)) == UNSET_LONG
    with pytest.raises(ValueError, match=r"too large|not a"):
        kind.read(text)


def test_both_spellings_of_infinity_are_read_and_the_official_one_is_written() -> None:
    assert FLOAT.read("Infinity") == FLOAT.read("Infinite") == math.inf
    assert FLOAT.write(math.inf) == "Infinity"
