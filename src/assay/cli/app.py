"""The ``assay`` command: its groups put together, and errors told to a person."""

import sys
from typing import Annotated

import typer
from rich.console import Console

import assay
from assay.cli import examine, methods
from assay.errors import AssayError

USAGE = 2
"""Exit code of a request that makes no sense."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"assay {assay.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Is this picture genuine, where does it come from, what was altered, who vouches for it?

    Start with [bold]assay examine PICTURE[/bold]. Everything runs on this machine: nothing is sent anywhere.
    """


app.command("examine", help=examine.HELP)(examine.command)
app.command("methods")(methods.methods)
app.command("schema")(methods.schema)


def main() -> None:
    """Run the command line; an AssayError becomes one line on standard error and exit code 2."""
    try:
        app()
    except AssayError as error:
        Console(stderr=True).print(f"assay: {error}", style="bold", markup=False, highlight=False, soft_wrap=True)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(USAGE)
