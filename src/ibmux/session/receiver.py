"""The gateway's decoded messages, each at its place: open requests, views, hooks. ib_async's decoder calls by name.

The names and arguments are ib_async's (and so IB's) own. Nothing is kept here.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ib_async as ib
from ib_async.util import UNSET_DOUBLE

from ibmux.messages.account import AccountValue, PortfolioItem, Position
from ibmux.messages.contracts import Contract
from ibmux.messages.depth import DepthMktDataDescription
from ibmux.messages.history import HistogramData, HistoricalSchedule, HistoricalSession
from ibmux.messages.orders import Order
from ibmux.messages.rules import OptionComputation, PriceIncrement, SmartComponent
from ibmux.messages.trades import OrderState, OrderStatus, Trade
from ibmux.session import translate, translate_orders
from ibmux.session.base import REQUESTS_FROM
from ibmux.session.documents import Documents
from ibmux.session.ticks import computation

if TYPE_CHECKING:
    from ibmux.session.driver import Session


CUSTOM = 53
"""The tick type of computations that were asked for."""


class Receiver(Documents):
    """What ib_async's decoder hands its messages to, for one session."""

    TimezoneTWS = ""
    defaultTimezone = dt.UTC

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.calls
        self._calls.forget()
        self._hooks = session.hooks
        self.ib = self

    # -- the connection ---------------------------------------------------------------------------------------------

    def nextValidId(self, orderId: int) -> None:
        """The gateway's count of order ids."""
        self._session.on_next_id(orderId)

    def managedAccounts(self, accountsList: str) -> None:
        """The login's accounts."""
        self._session.on_accounts([account for account in accountsList.split(",") if account])

    def currentTime(self, time: int) -> None:
        """The gateway's clock."""
        self._calls.end("currentTime", float(time))

    def error(self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str) -> None:
        """An error, a warning or a notice."""
        self._session.on_error(reqId, errorCode, errorString, advancedOrderRejectJson)

    # -- accounts ---------------------------------------------------------------------------------------------------

    def position(self, account: str, contract: ib.Contract, position: float, avgCost: float) -> None:
        """A holding; 0 when it is closed."""
        self._session.on_position(Position(account, translate.contract(contract), position, avgCost))

    def positionEnd(self) -> None:
        """All holdings came."""
        self._calls.end("positions")

    def updateAccountTime(self, timestamp: str) -> None:
        """When the values that follow were taken; they are stamped on arrival."""

    def updateAccountValue(self, tag: str, value: str, currency: str, account: str) -> None:
        """One value of the account that is kept current."""
        self._session.on_account_value(AccountValue(account, tag, value, currency))

    def updatePortfolio(  # noqa: PLR0917 - as the decoder calls it
        self,
        contract: ib.Contract,
        position: float,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        account: str,
    ) -> None:
        """A holding of the account that is kept current."""
        self._session.on_portfolio(
            PortfolioItem(
                translate.contract(contract),
                position,
                translate.number(marketPrice),
                translate.number(marketValue),
                translate.number(averageCost),
                translate.number(unrealizedPNL),
                translate.number(realizedPNL),
                account,
            )
        )

    def accountDownloadEnd(self, account: str) -> None:
        """The account is complete."""
        self._calls.end(f"accountUpdates {account}")

    def accountUpdateMulti(self, _: int, account: str, modelCode: str, tag: str, value: str, currency: str) -> None:
        """One value of another account."""
        self._session.on_account_value(AccountValue(account, tag, value, currency, modelCode))

    def accountUpdateMultiEnd(self, reqId: int) -> None:
        """The first round of a model's or another account's values is complete; the stream goes on."""
        self._calls.end(reqId)

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """One value of the summary."""
        self._calls.add(reqId, AccountValue(account, tag, value, currency))

    def accountSummaryEnd(self, reqId: int) -> None:
        """The summary is complete; the gateway may say so twice."""
        self._calls.end(reqId)

    def pnl(self, reqId: int, *values: float) -> None:
        """Profit and loss of an account."""
        self._session.on_pnl(reqId, values)

    def pnlSingle(self, reqId: int, *values: float) -> None:
        """Profit and loss of a position."""
        self._session.on_pnl_single(reqId, values)

    # -- orders -----------------------------------------------------------------------------------------------------

    def openOrder(self, orderId: int, contract: ib.Contract, order: ib.Order, orderState: ib.OrderState) -> None:
        """An order as it stands, or the answer to a what-if."""
        state = translate_orders.order_state(orderState)
        if order.whatIf:
            if float(orderState.initMarginChange or UNSET_DOUBLE) != UNSET_DOUBLE:
                self._calls.end(orderId, state)
            return
        self.opened(translate.contract(contract), translate_orders.order(order), state)

    def opened(self, where: Contract, what: Order, state: OrderState) -> None:
        """As `openOrder`, in ibmux's records: each message of the gateway comes here, also one that only repeats."""
        if what.clientId == self._session.client_id and 0 < what.orderId < REQUESTS_FROM:
            self._session.raise_order_ids(what.orderId)
        status = OrderStatus(orderId=what.orderId, status=state.status, permId=what.permId, clientId=what.clientId)
        self._calls.add("openOrders", Trade(where, what, status))
        self._hooks.on_order(where, what, state)

    def orderStatus(self, *values: Any) -> None:
        """How an order stands; belongs to the openOrder before it."""
        status = OrderStatus(*values)
        call = self._calls.get("openOrders")
        for trade in call.parts if call else ():
            told = trade.orderStatus
            same = told.permId == status.permId if status.permId else told.orderId == status.orderId
            if same and told.clientId == status.clientId:
                trade.orderStatus = status
        self._hooks.on_order_status(status)

    def openOrderEnd(self) -> None:
        """All open orders came."""
        self._calls.end("openOrders")

    def completedOrder(self, contract: ib.Contract, order: ib.Order, orderState: ib.OrderState) -> None:
        """A finished order; the gateway does not say its orderId."""
        what, state = translate_orders.order(order), translate_orders.order_state(orderState)
        filled = what.filledQuantity or 0.0
        status = OrderStatus(
            orderId=what.orderId, status=state.status, filled=filled, permId=what.permId, clientId=what.clientId
        )
        self._calls.add("completedOrders", Trade(translate.contract(contract), what, status))

    def completedOrdersEnd(self) -> None:
        """All finished orders came."""
        self._calls.end("completedOrders")

    def execDetails(self, reqId: int, contract: ib.Contract, execution: ib.Execution) -> None:
        """An execution, live or asked for."""
        fill = translate_orders.fill(contract, execution)
        self._calls.add(reqId, fill)
        if fill.execution.clientId == self._session.client_id:
            self._session.raise_order_ids(fill.execution.orderId)
        self._hooks.on_execution(fill)

    def execDetailsEnd(self, reqId: int) -> None:
        """All executions that were asked for came."""
        self._calls.end(reqId)

    def commissionReport(self, report: ib.CommissionReport) -> None:
        """What an execution cost."""
        self._session.on_commission(translate_orders.commission(report))

    def orderBound(self, *_: int) -> None:
        """A manual order got an order id; its openOrder says it too."""

    # -- answers ----------------------------------------------------------------------------------------------------

    def contractDetails(self, reqId: int, contractDetails: ib.ContractDetails) -> None:
        """One contract that matches."""
        self._calls.add(reqId, translate.details(contractDetails))

    bondContractDetails = contractDetails

    def contractDetailsEnd(self, reqId: int) -> None:
        """All contracts that match came."""
        self._calls.end(reqId)

    def symbolSamples(self, reqId: int, contractDescriptions: list[ib.ContractDescription]) -> None:
        """The hits of a search."""
        self._calls.end(reqId, [translate.description(each) for each in contractDescriptions])

    def securityDefinitionOptionParameter(self, reqId: int, *values: Any) -> None:
        """Options of one exchange and class."""
        self._calls.add(reqId, translate.option_chain(ib.OptionChain(*values)))

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        """All exchanges and classes came."""
        self._calls.end(reqId)

    def headTimestamp(self, reqId: int, headTimestamp: str) -> None:
        """The time of the oldest data."""
        self._calls.end(reqId, headTimestamp)

    def historicalSchedule(self, reqId: int, start: str, end: str, zone: str, sessions: list[Any]) -> None:
        """The trading sessions of some days."""
        days = [HistoricalSession(each.startDateTime, each.endDateTime, each.refDate) for each in sessions]
        self._calls.end(reqId, HistoricalSchedule(start, end, zone, days))

    def histogramData(self, reqId: int, items: list[ib.HistogramData]) -> None:
        """How much was traded at which price."""
        self._calls.end(reqId, [HistogramData(item.price, item.count) for item in items])

    def marketRule(self, marketRuleId: int, priceIncrements: list[Any]) -> None:
        """The price steps of a rule."""
        steps = [PriceIncrement(each.lowEdge, each.increment) for each in priceIncrements]
        self._calls.end(f"marketRule {marketRuleId}", steps)

    def smartComponents(self, reqId: int, components: list[ib.SmartComponent]) -> None:
        """The exchanges behind the letters of a quote."""
        found = [SmartComponent(each.bitNumber, each.exchange, each.exchangeLetter) for each in components]
        self._calls.end(reqId, found)

    def mktDepthExchanges(self, descriptions: list[ib.DepthMktDataDescription]) -> None:
        """The exchanges that offer market depth."""
        self._calls.end(
            "mktDepthExchanges",
            [
                DepthMktDataDescription(
                    each.exchange, each.secType, each.listingExch, each.serviceDataType,
                    translate.known(each.aggGroup, None),
                )
                for each in descriptions
            ],
        )  # fmt: skip

    # -- market data that is not hot --------------------------------------------------------------------------------

    def tickOptionComputation(self, reqId: int, tickType: int, tickAttrib: int, *values: float) -> None:
        """Greeks of an option, of a line or as the answer to a question."""
        if tickType == CUSTOM and self._calls.get(reqId) is not None:
            self._calls.end(reqId, OptionComputation(**computation(tickAttrib, values)))
        else:
            self._session.on_greeks(str(reqId), tickType, tickAttrib, values)

    def tickEFP(self, reqId: int, tickType: int, *values: Any) -> None:
        """An exchange for physicals."""
        names = (
            "basisPoints", "formattedBasisPoints", "impliedFuture", "holdDays", "futureLastTradeDate",
            "dividendImpact", "dividendsToLastTradeDate",
        )  # fmt: skip
        self._session.on_efp(str(reqId), tickType, dict(zip(names, values, strict=True)))

    def tickSnapshotEnd(self, reqId: int) -> None:
        """A snapshot is complete."""
        self._calls.end(reqId, True)

    def deltaNeutralValidation(self, *_: Any) -> None:
        """The gateway checked a delta-neutral contract; its order says the rest."""

    def priceSizeTick(self, *_: Any) -> None:
        """Prices are read before ib_async's decoder would: see `lines`."""
