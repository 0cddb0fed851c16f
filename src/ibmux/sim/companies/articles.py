"""The text behind a headline: HTML, plain text, or a document of one page.

Pure: an article is always the same. Which articles exist is known to `news`.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape
from random import Random

from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.companies.news import PROVIDERS_BY_CODE, NewsItem

TEXT, BINARY = 0, 1
"""Types of articles: plain text or HTML; a PDF in base 64."""
SENTENCES = (
    "Trading was heavier than usual in the first hour.",
    "Analysts had looked for a smaller change.",
    "The company did not answer a request for comment.",
    "Peers moved in the same direction.",
    "The next report is due within the quarter.",
    "Options markets expect further swings this week.",
    "Management will hold a call with investors.",
    "The move follows several weeks of narrow ranges.",
)


def article(item: NewsItem, about: ContractDetails | None) -> tuple[int, str]:
    """Type and text of the article under a headline; `about` is what it is about, None for the market."""
    draw = Random(item.articleId)
    lead = item.title.lstrip("!")
    paragraphs = [f"{lead}.", *(" ".join(draw.sample(SENTENCES, 3)) for _ in range(draw.randrange(2, 5)))]
    source = PROVIDERS_BY_CODE[item.provider].name
    closing = f"{source}, {item.timeText[:16]} UTC"
    if item.provider == "DJNL" and item.number % 6 == 0:
        return BINARY, b64encode(_document([lead, closing])).decode()
    if item.provider.startswith("DJ"):
        return TEXT, "\n\n".join([*paragraphs, closing])
    named = f"<p>Symbol: <b>{escape(about.contract.symbol)}</b></p>" if about else ""
    body = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    return TEXT, f"<html><body><h3>{escape(lead)}</h3>{named}{body}<p><i>{escape(closing)}</i></p></body></html>"


def _document(lines: list[str]) -> bytes:
    """A PDF of one page with these lines (ISO 32000-1: five objects, a table of their offsets, a trailer)."""
    shown = " ".join(f"({_literal(line)}) Tj T*" for line in lines)
    stream = f"BT /F1 11 Tf 14 TL 50 780 Td {shown} ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>stream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj{text}endobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    out_start = len(out)
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n".encode()
    out += f"startxref\n{out_start}\n%%EOF\n".encode()
    return bytes(out)


def _literal(text: str) -> str:
    plain = text.encode("latin-1", "replace").decode("latin-1")
    return plain.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
