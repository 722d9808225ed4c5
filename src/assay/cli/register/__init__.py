"""``assay register``: say that one holds a file, and prove later that it was said."""

import typer

from assay.cli.register import add, ask, operate, prove
from assay.cli.register.common import GROUP


def register(parent: typer.Typer) -> None:
    """Add the group to ``parent``."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=GROUP)
    for module in (add, ask, prove, operate):
        module.commands(app)
    parent.add_typer(app, name="register")


__all__ = ["register"]
