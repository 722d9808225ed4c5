"""The ``assay`` command: its groups put together, and errors told to a person.

A command's module is imported when the command is called, and only then: whoever verifies a file does not wait for the
libraries that examine one.
"""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

import assay
from assay.errors import AssayError

USAGE = 2
"""Exit code of a request that makes no sense."""

LOOK, VOUCH, KEYS, SERVE = "Look at media", "Sign and vouch", "Certificates and trust", "Run a service"

COMMANDS: dict[str, tuple[str, str, str]] = {
    "examine": ("assay.cli.examine", LOOK, "Is anything altered, and what speaks for or against it?"),
    "verify": ("assay.cli.verify", LOOK, "Who signed a file, is it as it was signed, who vouches for the signer?"),
    "recover": ("assay.cli.recover", LOOK, "Find again the credentials that a picture has lost, and compare."),
    "methods": ("assay.cli.methods", LOOK, "Print the card of each method: what it looks at, what fools it."),
    "schema": ("assay.cli.methods", LOOK, "Print the JSON Schema of the record that examine writes."),
    "sign": ("assay.cli.sign", VOUCH, "Sign files with Content Credentials."),
    "vouch": ("assay.cli.vouch", VOUCH, "Attest media that you did not make, and check what others attest."),
    "register": ("assay.cli.register", VOUCH, "Say in a public log that you hold a file, and prove it later."),
    "certificates": ("assay.cli.certificates", KEYS, "Make, request and check certificates for signing."),
    "trust": ("assay.cli.trust", KEYS, "Whose signatures count: the lists of trusted certificates."),
    "tsa": ("assay.cli.tsa", SERVE, "A small time-stamping authority (RFC 3161)."),
    "witness": ("assay.cli.witness", SERVE, "Cosign the checkpoints of logs, each an extension of the last."),
    "mirror": ("assay.cli.mirror", SERVE, "Keep full copies of logs, verified, and serve them."),
    "monitor": ("assay.cli.monitor", SERVE, "Watch logs, mirrors and witnesses, and keep evidence of two histories."),
    "resolver": ("assay.cli.resolver", SERVE, "Keep manifests, and find them again for pictures that lost theirs."),
}
"""Each command: the module that has it, the panel it stands in, and what it is for."""


def load(name: str) -> Any:
    """The command as its module builds it: ``register(app)`` there adds it to an app of its own."""
    inner = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=CONTEXT)
    inner.callback()(lambda: None)
    import_module(COMMANDS[name][0]).register(inner)
    group: Any = typer.main.get_command(inner)
    return group.commands[name]


CONTEXT = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """Lists all commands without importing any, and imports the one that is called."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands = {
            name: TyperCommand(name, help=says, rich_help_panel=panel) for name, (_, panel, says) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of the one that only stands in the list."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
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

    Start with [bold]assay examine PICTURE[/bold] or [bold]assay verify PICTURE[/bold]. Everything runs on this machine:
    nothing is sent anywhere unless a command is told to.
    """


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
