"""What concerns the login as a whole: its brand, a financial advisor's settings, orders placed by hand."""

from __future__ import annotations

from ibmux.messages.methods import Request, method


@method("reqUserInfo", reply=str)
class ReqUserInfo(Request):
    """The white branding id of the login; empty for most."""


@method("requestFA", reply=str)
class RequestFA(Request):
    """A financial advisor's settings, as XML: groups (1), profiles (2) or account aliases (3)."""

    faDataType: int


@method("replaceFA", reply=str, role="admin")
class ReplaceFA(Request):
    """Replace a financial advisor's settings by `xml`; the reply is the gateway's word on it."""

    faDataType: int
    xml: str


@method("reqAutoOpenOrders", reply=bool)
class ReqAutoOpenOrders(Request):
    """Whether orders that are placed by hand are bound to the proxy's session, which only clientId 0 can do.

    They are, from the start; a change holds for all scripts and takes `admin`.
    """

    autoBind: bool = True
