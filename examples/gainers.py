"""The stocks that rose most today, and the latest headlines about the first: python gainers.py"""

import sys

from ibmux import IbmuxError, ScannerSubscription, TagValue, sync


def main():
    with sync.connect("gainers") as ib:
        wanted = ScannerSubscription(
            instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN", numberOfRows=5
        )
        found = ib.reqScannerData(wanted, [], [TagValue("priceAbove", "20")])
        for row in found:
            print(f"{row.rank + 1}. {row.contractDetails.contract.symbol}")
        if not found:
            return
        first = found[0].contractDetails.contract
        providers = "+".join(each.code for each in ib.reqNewsProviders())
        headlines = ib.reqHistoricalNews(first.conId, providers, "", "", 3)
        for each in headlines:
            print(f"{each.time:%Y-%m-%d %H:%M} {each.providerCode}: {each.headline}")
        if headlines:
            article = ib.reqNewsArticle(headlines[0].providerCode, headlines[0].articleId)
            print(f"\n{article.articleText}")


if __name__ == "__main__":
    try:
        main()
    except IbmuxError as error:
        sys.exit(str(error))
