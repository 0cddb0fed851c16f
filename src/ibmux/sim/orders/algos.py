"""Interactive Brokers' own algorithms: which there are and which parameters each has. Pure.

The simulation works an algorithmic order like any other of its type: names and parameters are checked and come back.
"""

from __future__ import annotations

from ibmux.sim.catalogue.contracts import Refusal

_TIMES = "startTime endTime allowPastEndTime"
PARAMETERS = {
    name: frozenset(words.split())
    for name, words in {
        "Adaptive": "adaptivePriority",
        "AD": (
            "componentSize timeBetweenOrders randomizeTime20 randomizeSize55 giveUp catchUp waitForFill "
            "activeTimeStart activeTimeEnd"
        ),
        "ArrivalPx": f"maxPctVol riskAversion forceCompletion monetaryValue {_TIMES}",
        "BalanceImpactRisk": "maxPctVol riskAversion forceCompletion",
        "ClosePx": "maxPctVol riskAversion startTime forceCompletion monetaryValue",
        "DarkIce": f"displaySize monetaryValue {_TIMES}",
        "MinImpact": "maxPctVol",
        "PctVol": "pctVol startTime endTime noTakeLiq monetaryValue",
        "PctVolPx": (
            "pctVol deltaPctVol minPctVol4Px maxPctVol4Px startTime endTime noTakeLiq monetaryValue"
        ),
        "PctVolSz": "startPctVol endPctVol startTime endTime noTakeLiq monetaryValue",
        "PctVolTm": "startPctVol endPctVol startTime endTime noTakeLiq monetaryValue",
        "Twap": f"strategyType monetaryValue {_TIMES}",
        "Vwap": f"maxPctVol noTakeLiq speedUp monetaryValue {_TIMES}",
    }.items()
}  # fmt: skip
PRIORITIES = frozenset({"Urgent", "Normal", "Patient"})
SHARES = ("maxPctVol", "pctVol", "startPctVol", "endPctVol")


def refuse_algo(strategy: str, params: tuple[tuple[str, str], ...]) -> Refusal | None:
    """Why an algorithm cannot work the order (439, 441, 443), or None."""
    if not strategy:
        return None
    known = PARAMETERS.get(strategy)
    if known is None:
        return Refusal(439, "Order processing failed. Algorithm definition not found.")
    for tag, value in params:
        if tag not in known:
            return Refusal(443, f"Order processing failed. Unknown algo attribute. {tag}")
        if not _is_valid(tag, value):
            return Refusal(441, f"Algo attributes validation failed: {tag} {value}")
    return None


def _is_valid(tag: str, value: str) -> bool:
    if tag == "adaptivePriority":
        return value in PRIORITIES
    if tag not in SHARES:
        return True
    try:
        return 0 < float(value) <= 1
    except ValueError:
        return False
