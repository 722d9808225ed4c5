"""``assay register``: say that one holds a file, and prove later that it was said."""

import typer

from assay.cli.register import add, ask, give, operate, prove
from assay.cli.register.common import GROUP

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=GROUP)
for _module in (add, ask, prove, give, operate):
    _module.commands(app)


def register(parent: typer.Typer) -> None:
    """Add the group to ``parent``."""
    parent.add_typer(app, name="register")


__all__ = ["app", "register"]
