"""What the simulation knows of the company behind a share: size, earnings, dividends, officers and its fiscal quarters.

A pure function of seed and contract, so that scanners, fundamental reports and the event calendar tell one story. It
knows no live prices: what depends on them takes a price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from ibmux.sim.catalogue.contracts import Contract, ContractDetails

FIRST_NAMES = (
    "Anna", "Carlos", "Diane", "Erik", "Fatima", "George", "Helen", "Ivan", "Julia", "Kenji", "Laura", "Martin",
    "Nadia", "Oscar", "Priya",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Bauer", "Carter", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jensen", "Keller", "Lopez",
    "Moreau", "Novak", "Olsen",
)  # fmt: skip
CITIES = (
    ("Austin", "TX"), ("Boston", "MA"), ("Chicago", "IL"), ("Denver", "CO"), ("New York", "NY"), ("San Jose", "CA"),
    ("Seattle", "WA"), ("Wilmington", "DE"),
)  # fmt: skip
OFFICERS = ("Chief Executive Officer", "Chief Financial Officer", "Chief Operating Officer", "General Counsel")


@dataclass(frozen=True, slots=True)
class Quarter:
    """A fiscal quarter: its end, the day of its report, and what was earned and expected per share."""

    fiscalYear: int
    number: int
    ends: date
    reported: date
    eps: float
    estimate: float
    revenue: float
    beforeOpen: bool

    @property
    def surprise(self) -> float:
        """How far the result was from the estimate, in percent."""
        return round(100.0 * (self.eps - self.estimate) / abs(self.estimate), 2) if self.estimate else 0.0


@dataclass(frozen=True, slots=True)
class Company:
    """Lasting facts of a company; amounts in the share's currency, `shares` and `revenue` in millions.

    `earnings` and `dividend` are per share and year, `growth` is the yearly growth of earnings, `book` the book value
    of a share, `roe` the return on equity in percent.
    """

    conId: int
    symbol: str
    name: str
    currency: str
    shares: float
    revenue: float
    earnings: float
    dividend: float
    growth: float
    book: float
    roe: float
    quickRatio: float
    beta: float
    employees: int
    fiscalMonth: int
    cik: str
    city: str
    state: str
    officers: tuple[tuple[str, str], ...]

    def market_cap(self, price: float) -> float:
        """What all shares are worth at `price`, in millions."""
        return self.shares * price

    def quarters(self, today: date, back: int, ahead: int) -> list[Quarter]:
        """The last `back` quarters reported before `today` and the next `ahead`, the oldest first."""
        first = today.year * 4 + (today.month - 1) // 3
        around = [self.quarter(index) for index in range(first - back - 2, first + ahead + 2)]
        past = [quarter for quarter in around if quarter.reported < today][-back:] if back else []
        return past + [quarter for quarter in around if quarter.reported >= today][:ahead]

    def quarter(self, index: int) -> Quarter:
        """The fiscal quarter that ends in the calendar quarter `index` (year times 4 plus 0 to 3)."""
        year, place = divmod(index, 4)
        month = place * 3 + 1 + (self.fiscalMonth - 1) % 3
        ends = _end_of_month(year, month)
        draw = Random(f"{self.conId}:{self.cik}:quarter:{index}")
        grown = (1.0 + self.growth) ** (index / 4 - 2025)
        estimate = round(self.earnings / 4 * grown * draw.uniform(0.93, 1.07), 2)
        eps = round(estimate * draw.gauss(1.03, 0.05), 2)
        reported = _weekday(ends + timedelta(days=draw.randrange(18, 42)))
        fiscal, behind = divmod(month - 1 - self.fiscalMonth, 12)
        revenue = round(self.revenue / 4 * grown * draw.uniform(0.95, 1.05), 3)
        number = behind // 3 + 1
        return Quarter(
            year + fiscal + 1, number, ends, reported, eps, estimate, revenue, Random(self.cik).random() < 0.4
        )

    def ex_dividend(self, quarter: Quarter) -> tuple[date, date, float] | None:
        """The ex-date, pay date and amount of the dividend declared with a quarter's report; None if it pays none."""
        if not self.dividend:
            return None
        ex = _weekday(quarter.reported + timedelta(days=9))
        return ex, _weekday(ex + timedelta(days=24)), round(self.dividend / 4, 4)


def company(details: ContractDetails, seed: int) -> Company:
    """The company behind a share."""
    return _made(details.contract, details.longName, details.price, seed)


@lru_cache(maxsize=1024)
def _made(contract: Contract, name: str, price: float, seed: int) -> Company:
    draw = Random(f"{seed}:company:{contract.conId}")
    shares = round(10 ** draw.uniform(3.7, 6.4) / price, 3)
    ratio, margin = draw.uniform(9.0, 42.0), draw.uniform(0.06, 0.3)
    earnings = round(price / ratio, 2)
    pays = draw.random() < 0.6
    city, state = draw.choice(CITIES)
    book = round(price / draw.uniform(1.2, 9.0), 2)
    officers = tuple((f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}", title) for title in OFFICERS)
    return Company(
        contract.conId, contract.symbol, name, contract.currency, shares,
        round(shares * earnings / margin, 3), earnings,
        round(price * draw.uniform(0.004, 0.045), 2) if pays else 0.0, round(draw.uniform(-0.06, 0.22), 4), book,
        round(100.0 * earnings / book, 2), round(draw.uniform(0.5, 3.5), 2), round(draw.uniform(0.5, 1.9), 2),
        int(10 ** draw.uniform(3.3, 5.5)), draw.choice((12, 12, 12, 12, 9, 6, 1, 3)),
        f"{draw.randrange(1_000_000, 1_999_999):010d}", city, state, officers,
    )  # fmt: skip


def _end_of_month(year: int, month: int) -> date:
    return (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _weekday(day: date) -> date:
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))
