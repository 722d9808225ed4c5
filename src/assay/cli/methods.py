"""``assay methods`` and ``assay schema``: what the tool can do, and the shape of what it prints."""

import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from assay.evidence import Method
from assay.examine import select
from assay.report.record import schema as report_schema
from assay.report.terminal import render_cards


def methods(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Methods to show; all when none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """Print the card of each method: what it looks at, what fools it, its measured error rates."""
    cards: list[Method] = [a.card for a in select(only=ids or ())]
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(cards), indent=2, ensure_ascii=False))
    else:
        render_cards(cards, Console(), brief=not ids)


def schema() -> None:
    """Print the JSON Schema of the record that [bold]assay examine --json[/bold] writes."""
    typer.echo(json.dumps(report_schema(), indent=2))


def register(app: typer.Typer) -> None:
    """Add both commands to ``app``."""
    app.command("methods")(methods)
    app.command("schema")(schema)
