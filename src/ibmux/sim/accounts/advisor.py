"""What a financial advisor's login has beside its accounts: a master account, groups of accounts, and aliases.

Kept as the documents that clients read and replace; every change is checked against the accounts that exist.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ibmux.sim.catalogue.contracts import Refusal

GROUPS, PROFILES, ALIASES = 1, 2, 3
"""The data that requestFA and replaceFA are about."""
METHODS = frozenset({"AvailableEquity", "ContractsOrShares", "Equal", "EqualQuantity", "MonetaryAmount", "NetLiq",
                     "PctChange", "Percent", "Ratio"})  # fmt: skip
DEFAULT_GROUPS = {"Everybody": "NetLiq", "Equals": "Equal"}
"""The groups in the beginning, of all accounts each: name and method of allocation."""
NOT_ADVISOR = "FA data operations ignored for non FA customers."
NO_PROFILES = "FA Profile is not supported anymore, use FA Group instead"
UNKNOWN_KIND = "Non-existent FA data operation request"
NO_DOCUMENT = "An XML string is required for this operation"
FOREIGN = "The following Groups and/or Profiles contain invalid accounts: {}"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
INVALID = "Error validating request.-'b4' : cause - {}"


def master(accounts: tuple[str, ...]) -> str:
    """The advisor's own account, made from the number of the first of its clients' accounts; a paper login's begins
    with a D as theirs do.
    """
    digits = "".join(letter for letter in accounts[0] if letter.isdigit())
    return f"{'D' if accounts[0].startswith('D') else ''}F{digits or '1000000'}"


class Advisor:
    """The data of an advisor.

    Args:
        accounts: the clients' accounts.
        enabled: whether the login is an advisor's at all.
    """

    def __init__(self, accounts: tuple[str, ...], enabled: bool) -> None:
        self.enabled = enabled
        self.master = master(accounts)
        self._accounts = accounts
        self._groups = _groups_document(accounts)
        self._members = dict.fromkeys(DEFAULT_GROUPS, accounts)
        self._aliases = _aliases_document(accounts, self.master)

    @property
    def managed(self) -> tuple[str, ...]:
        """The accounts that the login manages: an advisor's own comes first."""
        return (self.master, *self._accounts) if self.enabled else self._accounts

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The accounts of every group by its name; empty if the login is no advisor's."""
        return dict(self._members) if self.enabled else {}

    def members(self, name: str) -> tuple[str, ...] | None:
        """The clients' accounts that a name stands for: an account, a group, `All` or the master account; else None."""
        if name in self._accounts:
            return (name,)
        if name in {"", "All"} or (self.enabled and name in {self.master, f"{self.master}A"}):
            return self._accounts
        return self.groups().get(name)

    def document(self, kind: int) -> str | Refusal:
        """The document of a kind of data, or why it cannot be had (321)."""
        refusal = self._refuse(kind)
        if refusal is not None:
            return refusal
        return self._groups if kind == GROUPS else self._aliases

    def replace(self, kind: int, xml: str) -> Refusal | None:
        """Put a document in the place of the present one; a Refusal (321, 10231) leaves everything as it was."""
        refusal = self._refuse(kind)
        if refusal is not None:
            return refusal
        root = _parse(xml)
        if root is None:
            return Refusal(321, INVALID.format(NO_DOCUMENT))
        return self._replace_groups(root, xml) if kind == GROUPS else self._replace_aliases(root, xml)

    def _refuse(self, kind: int) -> Refusal | None:
        if not self.enabled:
            return Refusal(321, INVALID.format(NOT_ADVISOR))
        if kind == PROFILES:
            return Refusal(321, INVALID.format(NO_PROFILES))
        return None if kind in {GROUPS, ALIASES} else Refusal(321, INVALID.format(UNKNOWN_KIND))

    def _replace_groups(self, root: ET.Element, xml: str) -> Refusal | None:
        if root.tag != "ListOfGroups" or any(group.findtext("defaultMethod") not in METHODS for group in root):
            return Refusal(321, INVALID.format(NO_DOCUMENT))
        members = _members(root)
        foreign = [name for name, accounts in members.items() if not set(accounts) <= set(self._accounts)]
        if foreign or "" in members:
            return Refusal(10231, FOREIGN.format(",".join(foreign)))
        self._groups, self._members = xml, members
        return None

    def _replace_aliases(self, root: ET.Element, xml: str) -> Refusal | None:
        named = {alias.findtext("account", "") for alias in root}
        if root.tag != "ListOfAccountAliases" or not named <= set(self.managed):
            return Refusal(321, INVALID.format(NO_DOCUMENT))
        self._aliases = xml
        return None


def _parse(xml: str) -> ET.Element | None:
    """The root of a document; None for what is none, or declares types of its own (which could grow without bound)."""
    if "<!" in xml.replace("<!--", ""):
        return None
    try:
        return ET.fromstring(xml.strip().encode())  # noqa: S314 (without declarations nothing expands)
    except ET.ParseError:
        return None


def _members(root: ET.Element) -> dict[str, tuple[str, ...]]:
    """The accounts of each group, written as plain strings or with an amount each."""
    found = {}
    for group in root:
        listed = group.find("ListOfAccts")
        rows = [] if listed is None else list(listed)
        found[group.findtext("name", "")] = tuple((row.findtext("acct") or row.text or "").strip() for row in rows)
    return found


def _groups_document(accounts: tuple[str, ...]) -> str:
    root = ET.Element("ListOfGroups")
    for name, method in DEFAULT_GROUPS.items():
        group = ET.SubElement(root, "Group")
        ET.SubElement(group, "name").text = name
        ET.SubElement(group, "defaultMethod").text = method
        listed = ET.SubElement(group, "ListOfAccts", varName="list")
        for account in accounts:
            ET.SubElement(ET.SubElement(listed, "Account"), "acct").text = account
    return HEAD + ET.tostring(root, encoding="unicode")


def _aliases_document(accounts: tuple[str, ...], own: str) -> str:
    root = ET.Element("ListOfAccountAliases")
    for account in (own, *accounts):
        alias = ET.SubElement(root, "AccountAlias")
        ET.SubElement(alias, "account").text = account
        ET.SubElement(alias, "alias").text = account
    return HEAD + ET.tostring(root, encoding="unicode")
