"""`ibmux flatten`: cancel everything, close everything, look again, and say what is left.

The work is the client's (`client.flattening`); here it is asked for and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.cli.tables import contract_name
from ibmux.client import IB
from ibmux.client.plans import Row
from ibmux.errors import NotClosed
from ibmux.messages.session import ProxyReport


async def flatten(
    *,
    account: str = "",
    symbols: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    order_type: str = "MKT",
    dry_run: bool = False,
    within: float = 60.0,
    proxy: Proxy = PROXY,
) -> int:
    """Cancel every working order, of all scripts, then close every position, and look whether they are gone.

    Exit code 0 if nothing is left, 1 if something is: it is named. Safe to run twice, also at the same time under the
    same name. Orders that were placed by hand or by other clientIds are cancelled too, if neither --account nor
    --symbols is given. Forex positions are left alone. Takes the role admin.

    Args:
        account: only this account.
        symbols: only these contracts: symbols, local symbols or conIds, such as --symbols AAPL MSFT ESZ5.
        order_type: MKT waits until the positions are closed; with MOC the orders are acknowledged, for the close.
        dry_run: only show what would be done.
        within: seconds for all of it.
        proxy: which proxy to ask, as whom.
    """
    chosen = [name for text in symbols for name in text.split(",") if name] or None
    left: NotClosed | None = None
    async with proxy.connect() as connection:
        try:
            rows: Sequence[Row] = await connection.flatten(
                chosen, account=account, orderType=order_type.upper(), dryRun=dry_run, timeout=within
            )
        except NotClosed as error:
            left, rows = error, error.rows
        others = [] if proxy.gateway else [each for each in await gateways_of(connection) if each != connection.gateway]
    if others and not proxy.json:
        screen.tell(f"At {connection.gateway}; --gateway names another: {', '.join(others)}.")
    if proxy.json:
        screen.emit(rows)
    elif rows:
        screen.out.print(table(rows))
    else:
        meant = " of what was named" if chosen or account else ""
        screen.tell(f"Nothing{meant} is held, and no order{meant and ' in it'} works.")
    if left is not None:
        screen.fail(left.message, left.advice)
        return Exit.FAILED
    return Exit.OK


async def gateways_of(connection: IB) -> list[str]:
    """The proxy's gateways."""
    report: ProxyReport = await connection.call("status")
    return [each.gateway for each in report.gateways]


def table(rows: Iterable[Row]) -> Table:
    """One row per order that was to be cancelled and per position that was to be closed."""
    made = screen.table("account", "contract", "position>", "action", "order", "result~", "script", "key~")
    cells = []
    for row in rows:
        size = screen.quantity(row.quantity) if row.what == "position" else ""
        result = Text(row.result, "green" if row.ok else "bold red")
        cells.append(
            (row.account, contract_name(row.contract), size, row.action, row.order, result, row.script, row.key)
        )
    return screen.rows(made, cells)
