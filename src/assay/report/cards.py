"""Cards of methods on a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.evidence import Method


def render_cards(cards: Sequence[Method], console: Console, *, brief: bool) -> None:
    """Print a table of ids and titles, or each card in full."""
    if brief:
        table = Table(box=SIMPLE, pad_edge=False, show_edge=False)
        for column in ("method", "looks at the", "title"):
            table.add_column(column, overflow="fold", no_wrap=column == "method")
        for card in cards:
            table.add_row(Text(card.id, "bold"), card.group, Text(card.title))
        console.print(table)
        console.print("\n`assay methods ID` prints a card in full: what it looks at, what fools it, its error rates.")
        return
    for card in cards:
        console.print(Text.assemble((card.title, "bold"), f"  ({card.id} {card.version}, {card.group})"))
        for label, text in _rows(card):
            console.print(Padding(Text.assemble((f"{label}  ", "bold"), text), (1, 0, 0, 2)))
        console.print()


def _rows(card: Method) -> list[tuple[str, str]]:
    rates = [f"{rate.what}: {rate.value:.3g} (n = {rate.n}, {rate.on})" for rate in card.error_rates]
    return [
        ("Looks at", card.looks_at),
        ("Fooled by", card.fooled_by),
        ("Ignore", card.ignore),
        ("Error rates", "; ".join(rates) or "not measured"),
        ("Source", card.source),
    ]
