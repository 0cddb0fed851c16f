"""The reports of reqFundamentalData, made of what the simulation knows of a company.

Elements and attributes are those of the reports that gateways sent as long as they had them; figures are made up, and
agree with scanners and the event calendar.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple
from xml.etree import ElementTree as ET

from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.companies.company import Company, Quarter, company
from ibmux.sim.companies.sight import FUNDS

Line = tuple[str, str, str, float]
"""Of a statement: its type, code and name, and its share of the revenue."""
LINES: tuple[Line, ...] = (
    ("INC", "SREV", "Revenue", 1.0),
    ("INC", "SCOR", "Cost of Revenue, Total", 0.55),
    ("INC", "SGRP", "Gross Profit", 0.45),
    ("INC", "SOPI", "Operating Income", 0.24),
    ("INC", "NINC", "Net Income", 0.18),
    ("BAL", "SCSI", "Cash and Short Term Investments", 0.4),
    ("BAL", "ATCA", "Total Current Assets", 0.8),
    ("BAL", "ATOT", "Total Assets", 1.9),
    ("BAL", "LTLL", "Total Liabilities", 1.1),
    ("BAL", "QTLE", "Total Equity", 0.8),
    ("CAS", "OTLO", "Cash from Operating Activities", 0.26),
    ("CAS", "SCEX", "Capital Expenditures", -0.07),
    ("CAS", "FTLF", "Cash from Financing Activities", -0.12),
)
OWNERS = ("Alder", "Baytree", "Corvane", "Dunmore", "Eastgate", "Fairholm", "Greyfriars", "Holt")


class View(NamedTuple):
    """What a report is made from."""

    details: ContractDetails
    company: Company
    price: float
    today: date


def _put(parent: ET.Element, name: str, text: object = "", **attributes: object) -> ET.Element:
    """Add an element with a text and attributes."""
    element = ET.SubElement(parent, name, {key: str(value) for key, value in attributes.items()})
    element.text = str(text)
    return element


def _header(root: ET.Element, view: View) -> None:
    about, contract = view.company, view.details.contract
    ids = ET.SubElement(root, "CoIDs")
    for kind, text in (("RepNo", about.cik[-5:]), ("CompanyName", about.name.title()), ("CIKNo", about.cik)):
        _put(ids, "CoID", text, Type=kind)
    issue = _put(ET.SubElement(root, "Issues"), "Issue", ID=1, Type="C", Desc="Common Stock", Order=1)
    isin = dict(view.details.secIdList).get("ISIN", "")
    for kind, text in (("Name", "Ordinary Shares"), ("Ticker", contract.symbol), ("ISIN", isin)):
        _put(issue, "IssueID", text, Type=kind)
    _put(issue, "Exchange", contract.primaryExchange, Code=contract.primaryExchange, Country="USA")
    general = ET.SubElement(root, "CoGeneralInfo")
    last = about.quarters(view.today, 1, 0)[-1]
    _put(general, "CoStatus", "Active", Code=1)
    _put(general, "LatestAvailableInterim", last.ends)
    _put(general, "Employees", about.employees, LastUpdated=last.ends)
    _put(general, "SharesOut", f"{about.shares * 1e6:.1f}", Date=last.ends, TotalFloat=f"{about.shares * 9.7e5:.1f}")
    _put(general, "ReportingCurrency", contract.currency, Code=contract.currency)


def snapshot(view: View) -> ET.Element:
    """ReportSnapshot: who the company is, its officers and ratios."""
    root = ET.Element("ReportSnapshot", Major="1", Minor="0", Revision="1")
    _header(root, view)
    about = view.company
    sector = f"{view.details.industry}, {view.details.category}"
    business = f"{about.name.title()} is active in {sector.lower()}. It is based in {about.city}, {about.state}."
    _put(ET.SubElement(root, "TextInfo"), "Text", business, Type="Business Summary", lastModified=view.today)
    contact = ET.SubElement(root, "contactInfo")
    _put(contact, "city", about.city)
    _put(contact, "state-region", about.state)
    _put(contact, "country", "United States", code="USA")
    peers = ET.SubElement(ET.SubElement(root, "peerInfo"), "IndustryInfo")
    _put(peers, "Industry", view.details.category, type="TRBC", order=1, reported=0, code=about.cik[-6:])
    officers = ET.SubElement(root, "officers")
    for rank, (name, title) in enumerate(about.officers, start=1):
        officer = _put(officers, "officer", rank=rank)
        for part, text in zip(("firstName", "lastName"), name.split(), strict=True):
            _put(officer, part, text)
        _put(officer, "title", title)
    _ratios(root, view)
    return root


def _ratios(root: ET.Element, view: View) -> None:
    about, price, currency = view.company, view.price, view.details.contract.currency
    ratios = _put(root, "Ratios", PriceCurrency=currency, ReportingCurrency=currency, ExchangeRate="1.00000")
    groups: dict[str, dict[str, float]] = {
        "Price and Volume": {"NPRICE": price, "VOL10DAVG": view.details.dailyVolume / 1e6, "BETA": about.beta},
        "Income Statement": {
            "MKTCAP": about.market_cap(price), "TTMREV": about.revenue, "TTMEPSXCLX": about.earnings,
        },
        "Other Ratios": {
            "PEEXCLXOR": price / about.earnings, "PRICE2BK": price / about.book, "TTMROEPCT": about.roe,
            "QUICKRATIO": about.quickRatio, "YIELD": 100 * about.dividend / price,
        },
    }  # fmt: skip
    for name, figures in groups.items():
        group = _put(ratios, "Group", ID=name)
        for field, value in figures.items():
            _put(group, "Ratio", f"{value:.5f}", FieldName=field, Type="N")
    forecast = _put(root, "ForecastData", ConsensusType="Mean", CurFiscalYear=view.today.year)
    target = _put(forecast, "Ratio", FieldName="TargetPrice", Type="N")
    _put(target, "Value", f"{price * (1 + about.growth):.4f}", PeriodType="CURR")


def summary(view: View) -> ET.Element:
    """ReportsFinSummary: earnings, revenue and dividends of three years by quarter."""
    root = ET.Element("FinancialSummary")
    currency = view.details.contract.currency
    quarters = view.company.quarters(view.today, 12, 0)
    earned = _put(root, "EPSs", currency=currency)
    sold = _put(root, "TotalRevenues", currency=currency)
    for quarter in quarters:
        period = {"asofDate": quarter.ends, "reportType": "R", "period": "3M"}
        _put(earned, "EPS", quarter.eps, **period)
        _put(sold, "TotalRevenue", f"{quarter.revenue * 1e6:.1f}", **period)
    paid = _put(root, "Dividends", currency=currency)
    for quarter in quarters:
        found = view.company.ex_dividend(quarter)
        if found is not None:
            ex, pay, amount = found
            _put(paid, "Dividend", amount, type="CD", exDate=ex, recordDate=ex, payDate=pay,
                 declarationDate=quarter.reported)  # fmt: skip
    return root


def statements(view: View) -> ET.Element:
    """ReportsFinStatements: income statement, balance sheet and cash flow by quarter."""
    root = ET.Element("ReportFinancialStatements", Major="1", Minor="0", Revision="1")
    _header(root, view)
    body = ET.SubElement(root, "FinancialStatements")
    chart = ET.SubElement(body, "COAMap")
    for number, (kind, code, name, _) in enumerate(LINES, start=1):
        _put(chart, "mapItem", name, coaItem=code, statementType=kind, lineID=number, precision=1)
    periods = ET.SubElement(body, "InterimPeriods")
    for quarter in reversed(view.company.quarters(view.today, 8, 0)):
        _statement(periods, quarter)
    return root


def _statement(periods: ET.Element, quarter: Quarter) -> None:
    period = _put(periods, "FiscalPeriod", Type="Interim", EndDate=quarter.ends, FiscalYear=quarter.fiscalYear,
                  FiscalPeriodNumber=quarter.number)  # fmt: skip
    for wanted in ("INC", "BAL", "CAS"):
        statement = _put(period, "Statement", Type=wanted)
        _put(ET.SubElement(statement, "FPHeader"), "StatementDate", quarter.ends)
        for kind, code, _, share in LINES:
            if kind == wanted:
                _put(statement, "lineItem", f"{quarter.revenue * share:.3f}", coaCode=code)


def estimates(view: View) -> ET.Element:
    """RESC: what was reported, and what analysts expect of the next quarters."""
    root = ET.Element("REarnEstCons", Major="1", Minor="0", Revision="1")
    about = ET.SubElement(root, "Company")
    ids = ET.SubElement(about, "CoIds")
    _put(ids, "CoId", view.company.name.title(), type="CompanyName")
    quarters = view.company.quarters(view.today, 4, 4)
    actual = _put(ET.SubElement(ET.SubElement(about, "Actuals"), "FYActuals"), "FYActual", type="EPS", unit="U")
    expected = _put(ET.SubElement(ET.SubElement(about, "ConsEstimates"), "FYEstimates"), "FYEstimate", type="EPS",
                    unit="U")  # fmt: skip
    for quarter in quarters:
        period = {
            "periodType": "Q", "fYear": quarter.fiscalYear, "periodNum": quarter.number,
            "endMonth": quarter.ends.month, "endCalYear": quarter.ends.year,
        }  # fmt: skip
        if quarter.reported < view.today:
            _put(_put(actual, "FYPeriod", **period), "ActValue", quarter.eps, updated=quarter.reported)
        else:
            mean = _put(_put(expected, "FYPeriod", **period), "ConsEstimate", type="Mean")
            _put(mean, "ConsValue", quarter.estimate, dateType="CURR")
    return root


def calendar(view: View) -> ET.Element:
    """CalendarReport: coming reports and dividends."""
    root = ET.Element("CalendarReport", Ticker=view.company.symbol)
    for quarter in view.company.quarters(view.today, 1, 4):
        session = "Before Market" if quarter.beforeOpen else "After Market"
        _put(
            root, "EarningsDate", quarter.reported, fiscalYear=quarter.fiscalYear, quarter=quarter.number, time=session
        )
        found = view.company.ex_dividend(quarter)
        if found is not None:
            _put(root, "DividendDate", found[0], payDate=found[1], amount=found[2])
    return root


def ownership(view: View) -> ET.Element:
    """ReportsOwnership: who holds the shares."""
    root = ET.Element("OwnershipDetails")
    _put(root, "ISIN", dict(view.details.secIdList).get("ISIN", ""))
    last = view.company.quarters(view.today, 1, 0)[-1].ends
    _put(root, "floatShares", f"{view.company.shares * 9.7e5:.0f}", asofDate=last)
    draw = Random(view.company.cik)
    for number, name in enumerate(OWNERS, start=1):
        owner = _put(root, "Owner", ownerId=number)
        _put(owner, "type", 1)
        _put(owner, "name", f"{name} Asset Management")
        held = view.company.shares * 1e6 * draw.uniform(0.005, 0.08)
        _put(owner, "quantity", f"{held:.0f}", asofDate=last - timedelta(days=draw.randrange(30)))
        _put(owner, "currency", view.details.contract.currency)
    return root


REPORTS: dict[str, Callable[[View], ET.Element]] = {
    "ReportSnapshot": snapshot,
    "ReportsFinSummary": summary,
    "ReportsFinStatements": statements,
    "RESC": estimates,
    "CalendarReport": calendar,
    "ReportsOwnership": ownership,
}


def report(details: ContractDetails, kind: str, price: float, now: float, seed: int) -> str | None:
    """The XML text of a report about a share; None if there is no such report, or none about this contract.

    Args:
        details: the contract.
        kind: the report's name, a key of `REPORTS`.
        price: the share's present price.
        now: the present (epoch seconds).
        seed: the simulation's.
    """
    make = REPORTS.get(kind)
    if make is None or details.contract.secType != "STK" or details.stockType in FUNDS:
        return None
    root = make(View(details, company(details, seed), price, datetime.fromtimestamp(now, UTC).date()))
    ET.indent(root, space="\t")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")
