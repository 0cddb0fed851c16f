"""The document that answers reqScannerParameters, made of the tables of scanner codes.

Its elements are those of gateways, whose document is some megabytes long; this one holds what the simulation can scan.
"""

from __future__ import annotations

from functools import lru_cache
from xml.etree import ElementTree as ET

from ibmux.sim.companies.scanner_codes import FILTERS, INSTRUMENTS, LOCATIONS, SCANS, STOCK_TYPES


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _instruments(root: ET.Element) -> None:
    listed = ET.SubElement(root, "InstrumentList", varName="instrumentList")
    for each in INSTRUMENTS:
        element = ET.SubElement(listed, "Instrument")
        _text(element, "name", each.name)
        _text(element, "type", each.code)
        _text(element, "filters", each.filters)
        _text(element, "group", f"{each.code.partition('.')[0]}.GLOBAL")
        _text(element, "shortName", each.name.rpartition(" ")[0])


def _locations(parent: ET.Element, above: str) -> None:
    below = [location for location in LOCATIONS if location.parent == above]
    if not below:
        return
    tree = ET.SubElement(parent, "LocationTree", varName="locationTree")
    for location in below:
        element = ET.SubElement(tree, "Location")
        _text(element, "displayName", location.name)
        _text(element, "locationCode", location.code)
        _text(element, "instruments", location.instrument)
        _text(element, "routeExchange", ",".join(location.exchanges))
        _text(element, "access", "unrestricted")
        _locations(element, location.code)


def _scans(root: ET.Element) -> None:
    listed = ET.SubElement(root, "ScanTypeList", varName="scanTypeList")
    for scan in SCANS:
        element = ET.SubElement(listed, "ScanType")
        _text(element, "displayName", scan.name)
        _text(element, "scanCode", scan.code)
        _text(element, "instruments", ",".join(scan.instruments))
        _text(element, "absoluteColumns", "false")
        _text(element, "supportsSorting", "true")
        _text(element, "respSizeLimit", "2147483647")
        _text(element, "snapshotSizeLimit", "2147483647")
        _text(element, "searchName", "scanner")
        _text(element, "access", "unrestricted")


def _bound(parent: ET.Element, code: str, name: str, kind: str = "scanner.filter.DoubleField") -> None:
    field = ET.SubElement(parent, "AbstractField", type=kind, varName=code)
    _text(field, "code", code)
    _text(field, "displayName", name)
    _text(field, "dontAllowClearAll", "false")
    _text(field, "acceptNegatives", "true")


def _filters(root: ET.Element) -> None:
    listed = ET.SubElement(root, "FilterList", varName="filterList")
    for each in FILTERS:
        element = ET.SubElement(listed, "RangeFilter")
        _text(element, "id", each.id)
        _text(element, "category", "General")
        _text(element, "access", "unrestricted")
        _bound(element, each.above, f"{each.name} Above")
        _bound(element, each.below, f"{each.name} Below")
    element = ET.SubElement(listed, "SimpleFilter")
    _text(element, "id", "STKTYPE")
    _text(element, "category", "General")
    _text(element, "access", "unrestricted")
    _bound(element, "stkTypes", "Stock Type", "scanner.filter.ComboField")
    values = ET.SubElement(element[-1], "ComboValues")
    for kind in STOCK_TYPES:
        value = ET.SubElement(values, "ComboValue")
        _text(value, "code", "" if kind == "ALL" else f"inc:{kind}")
        _text(value, "displayName", kind)


@lru_cache(maxsize=1)
def document() -> str:
    """The XML text that answers reqScannerParameters."""
    root = ET.Element("ScanParameterResponse")
    _instruments(root)
    _locations(root, "")
    _scans(root)
    _filters(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
