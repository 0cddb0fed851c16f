"""Identifiers of securities with their check digits: ISIN, CUSIP and FIGI.

Those of made-up instruments are well formed but made up too. Pure functions; ISO 6166 for the ISIN, the CUSIP Global
Services' and the OMG's check digits for the others.
"""

from __future__ import annotations

from ibmux.sim.catalogue.contracts import Pairs

KNOWN_ISINS = {
    265598: "US0378331005", 272093: "US5949181045", 4815747: "US67066G1040", 3691937: "US0231351067",
    76792991: "US88160R1014", 8314: "US4592001014", 756733: "US78462F1030", 320227571: "US46090E1038",
}  # fmt: skip
CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ0123456789"


def _luhn(digits: str) -> int:
    """The Luhn check digit over a string of decimal digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def with_check_digit(body: str) -> str:
    """The ISIN of a country code and nine characters."""
    return f"{body}{_luhn(''.join(str(int(letter, 36)) for letter in body))}"


def isin(country: str, conId: int) -> Pairs:
    """The identifiers of a share as details carry them: the ISIN, the real one where known."""
    return (("ISIN", KNOWN_ISINS.get(conId) or with_check_digit(f"{country}{conId:09d}")),)


def _alternating(body: str) -> str:
    """The check digit of CUSIP and FIGI: every second value is doubled, and digits are added."""
    total = 0
    for place, letter in enumerate(body):
        value = int(letter, 36) * (2 if place % 2 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def cusip(body: str) -> str:
    """The CUSIP of eight characters."""
    return body + _alternating(body)


def cusip_of(number: str) -> str:
    """The CUSIP inside an ISIN of the United States or Canada; empty for others."""
    return number[2:11] if number[:2] in {"US", "CA"} else ""


def figi(conId: int) -> str:
    """A FIGI made from the conId."""
    letters = ""
    for _ in range(8):
        conId, place = divmod(conId, len(CONSONANTS))
        letters = CONSONANTS[place] + letters
    body = f"BBG{letters}"
    return body + _alternating(body)
