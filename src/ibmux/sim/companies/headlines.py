"""How headlines read: sentences with the names and figures of a share, and the metadata in front of them."""

from __future__ import annotations

from random import Random

from ibmux.sim.catalogue.contracts import ContractDetails

FIRMS = (
    "Alder Securities", "Baytree Capital", "Corvane", "Dunmore & Co", "Eastgate Research", "Fairholm", "Greyfriars",
    "Holt Partners",
)  # fmt: skip
RATINGS = ("Buy", "Outperform", "Overweight", "Hold", "Neutral", "Underperform", "Sell")
COMPANY = (
    "{name} shares {moved} {percent}% after {cause}",
    "{name} to open {number} new sites as demand {grows}",
    "{name} names new head of operations",
    "{name} says quarterly revenue {rose} {percent}%",
    "{name} board approves ${number}0 million buyback",
    "{name} in talks over {kind} partnership -- Market Talk",
    "{name} expects supply to {grow} through year end",
    "{name} settles dispute over {kind} contract",
    "{symbol}: option volume {number} times the average",
    "{name} insiders {bought} shares worth ${number}.{digit} million",
)
ANALYST = (
    "{firm} {changed} {symbol} to {rating}, target {currency} {target}",
    "{firm} initiates {symbol} at {rating}, target {currency} {target}",
    "{firm} keeps {symbol} at {rating}, target {currency} {target}",
)
MARKET = (
    "Stocks {moved} {percent}% as traders weigh {cause}",
    "Treasury yields {moved} after {cause}",
    "Oil {moved} {percent}% on inventory data",
    "Dollar {moved} against major currencies",
    "Morning call: {cause} in focus",
    "Closing summary: indices {moved}, breadth {grows}",
    "Futures point to a {tone} open",
)
CAUSES = ("guidance", "earnings", "inflation data", "a broker note", "policy remarks", "payroll figures", "sector news")


def write(provider: str, about: ContractDetails | None, draw: Random) -> tuple[str, str]:
    """A title and its metadata, without braces.

    Dow Jones sends the language alone; other providers add a sentiment (K) and how sure it is (C).
    """
    patterns = MARKET if about is None else ANALYST if provider == "BRFUPDN" else COMPANY
    tone = draw.choice((-1, 1))
    title = draw.choice(patterns).format(**_words(about, tone, draw))
    if provider.startswith("DJ"):
        return title, "A:800015:L:en"
    mood = f"{tone * draw.uniform(0.5, 0.99):.2f}" if draw.random() < 0.6 else "n/a"
    marked = f"!{title}" if provider in {"BRFUPDN", "FLY"} else title
    return marked, f"A:800015:L:en:K:{mood}:C:{draw.uniform(0.6, 0.999):.6f}"


def _words(about: ContractDetails | None, tone: int, draw: Random) -> dict[str, str]:
    good = tone > 0
    price = about.price if about else 100.0
    return {
        "name": about.longName.title() if about else "",
        "symbol": about.contract.symbol if about else "",
        "currency": about.contract.currency if about else "USD",
        "moved": "rise" if good else "fall",
        "rose": "rose" if good else "fell",
        "grows": "grows" if good else "shrinks",
        "grow": "grow" if good else "shrink",
        "bought": "buy" if good else "sell",
        "changed": "raises" if good else "cuts",
        "tone": "higher" if good else "lower",
        "percent": f"{draw.uniform(0.3, 7.0):.1f}",
        "number": str(draw.randrange(2, 60)),
        "digit": str(draw.randrange(10)),
        "cause": draw.choice(CAUSES),
        "kind": about.category.lower() if about and about.category else "supply",
        "firm": draw.choice(FIRMS),
        "rating": draw.choice(RATINGS[:3] if good else RATINGS[3:]),
        "target": f"{price * (1 + tone * draw.uniform(0.02, 0.3)):.0f}",
    }
