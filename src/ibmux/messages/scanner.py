"""Market scanners: what to look for, and the ranked contracts that were found."""

from __future__ import annotations

from ibmux.messages.contracts import ContractDetails, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Input, Record


class ScannerSubscription(Input):
    """What to scan for; the document of `reqScannerParameters` lists the codes. Prices, market capitalisations and
    coupon rates in the scanner's currency; nil means no bound.
    """

    numberOfRows: int = -1
    instrument: str = ""
    locationCode: str = ""
    scanCode: str = ""
    abovePrice: float | None = None
    belowPrice: float | None = None
    aboveVolume: int | None = None
    marketCapAbove: float | None = None
    marketCapBelow: float | None = None
    moodyRatingAbove: str = ""
    moodyRatingBelow: str = ""
    spRatingAbove: str = ""
    spRatingBelow: str = ""
    maturityDateAbove: str = ""
    maturityDateBelow: str = ""
    couponRateAbove: float | None = None
    couponRateBelow: float | None = None
    excludeConvertible: bool = False
    averageOptionVolumeAbove: int | None = None
    scannerSettingPairs: str = ""
    stockTypeFilter: str = ""


class ScanData(Record):
    """One row of a scan; `rank` counts from 0, the texts are the gateway's own."""

    rank: int
    contractDetails: ContractDetails
    distance: str = ""
    benchmark: str = ""
    projection: str = ""
    legsStr: str = ""


class ScanLease(Record):
    """The reply to `reqScannerSubscription`: the claim on a shared scan, and its rows as they stand.

    `scan` names the topic. The lease ends `ttl` seconds after the last request for it. Time in seconds UTC.
    """

    scan: str
    ttl: float
    epoch: int
    time: float
    rows: list[ScanData] = []


class ScanState(Record):
    """Retained topic `state/scan/<scan>`: all rows, at each update. The gateway sends one about every 30 seconds; they
    vanish after 300. Time in seconds UTC.
    """

    epoch: int
    time: float
    rows: list[ScanData] = []


@method("reqScannerParameters", reply=str)
class ReqScannerParameters(Request):
    """The XML document of all instruments, locations, scan codes and filters: one or two megabytes, fetched once a
    day.
    """


@method("reqScannerData", reply=list[ScanData])
class ReqScannerData(Request):
    """Scan once.

    `{"subscription": {"instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "TOP_PERC_GAIN"},
    "scannerSubscriptionFilterOptions": [{"tag": "priceAbove", "value": "5"}]}`
    """

    subscription: ScannerSubscription
    scannerSubscriptionOptions: list[TagValue] = []
    scannerSubscriptionFilterOptions: list[TagValue] = []


@method("reqScannerSubscription", reply=ScanLease)
class ReqScannerSubscription(ReqScannerData):
    """Scan again and again: the rows are the retained topic `state/scan/<scan>`. Equal scans of many scripts are one;
    the gateway allows ten different ones.
    """

    ttl: float | None = None


@method("cancelScannerSubscription", reply=bool)
class CancelScannerSubscription(Request):
    """Give up this script's lease of a scan; the scan ends when no script has one."""

    scan: str
