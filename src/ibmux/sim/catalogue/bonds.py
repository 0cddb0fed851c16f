"""Bonds that the simulated gateway lists, as data. Issuers and their CUSIP roots are real, the issues are made up.

A line is `body coupon maturity issued price volatility options`: the CUSIP without its check digit, the coupon in
percent, dates, the price in percent of par, and letters for callable (C), putable (P), convertible (V). Gateways send
coupons with their fraction, as official clients since 10 read them; older ones, `ib_insync` 0.9.86 and `ib_async` 2.1.0
read whole coupons only, and lose such bonds here as there.
"""

from __future__ import annotations

from typing import NamedTuple


class Issuer(NamedTuple):
    """Who issued bonds; `short` begins their descriptions."""

    symbol: str
    short: str
    issuerId: str
    name: str
    bondType: str
    ratings: str
    lines: str


ISSUERS = (
    Issuer("US-T", "T", "e1359061", "United States Treasury", "US GOVT", "AA1", """\
91282CA9 4 20271115 20241115 100.4 0.015 -
91282CB8 3.875 20280630 20230630 100.1 0.02 -
91282CB9 4 20290331 20240331 100.9 0.03 -
91282CC9 4.25 20300115 20250115 102.0 0.035 -
91282CD9 3 20310815 20210815 95.6 0.04 -
91282CE9 4 20340215 20240215 99.8 0.055 -
91282CF9 4.25 20351115 20251115 101.2 0.06 -
912810T9 4 20421115 20221115 93.5 0.09 -
912810U9 2 20500215 20200215 60.4 0.12 -
912810V9 5 20540515 20240515 104.8 0.11 -
912810W9 4.625 20550515 20250515 98.9 0.11 -
91282CG9 4 20330815 20230815 100.6 0.05 -
912833A9 0 20450515 20250515 38.5 0.15 -
"""),
    Issuer("IBM", "IBM", "e1400715", "INTL BUSINESS MACHINES CORP", "CORP", "A3", """\
459200K9 4 20420620 20120620 86.2 0.09 C
459200L9 5 20340205 20240205 102.6 0.06 C
459200M9 3.5 20290515 20190515 97.8 0.035 C
459200N9 7 20451030 19951030 118.0 0.09 -
"""),
    Issuer("AAPL", "AAPL", "e1234501", "APPLE INC", "CORP", "AAA", """\
037833Y9 4 20280510 20230510 101.1 0.025 C
037833Z9 3 20271113 20171113 98.7 0.02 C
037833W9 4.65 20460223 20160223 93.4 0.095 C
"""),
    Issuer("MSFT", "MSFT", "e1234502", "MICROSOFT CORP", "CORP", "AAA", """\
594918Y9 4 20550212 20150212 82.5 0.11 C
594918Z9 5.2 20390601 20090518 106.4 0.075 -
"""),
    Issuer("JPM", "JPM", "e1234503", "JPMORGAN CHASE & CO", "CORP", "A1", """\
46625HZ9 5 20330801 20130801 101.5 0.05 -
46647PZ9 6 20380115 20080115 108.3 0.07 C
"""),
    Issuer("F", "F", "e1234504", "FORD MOTOR CO", "CORP", "BA1", """\
345370C9 0 20260315 20210319 98.9 0.03 CV
345370D9 6 20320212 20230212 99.3 0.07 C
345370E9 5.291 20461208 20161208 84.0 0.11 CP
"""),
)  # fmt: skip
