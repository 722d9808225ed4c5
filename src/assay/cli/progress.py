"""What a person sees on standard error while she waits."""

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from assay.batch import Result
from assay.evidence import Failure


class Watch:
    """A bar on a terminal; a line a picture where standard error is a file or a pipe and there are several."""

    def __init__(self, console: Console, *, total: int, kept: int, quiet: bool) -> None:
        self._console = console
        self._total = total
        self._kept = kept
        self._quiet = quiet
        self._count = 0
        self._live = console.is_terminal and not quiet
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=not self._live,
        )  # fmt: skip
        self._task = self._bar.add_task("examining", total=total if total > 1 else None)

    def __enter__(self) -> "Watch":
        if self._kept and not self._quiet:
            self._console.print(
                f"{self._kept} of {self._total} already in the file and unchanged: kept (--fresh examines them again)",
                highlight=False,
            )
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, begun: int, total: int) -> None:
        """The only worker has begun method number ``begun`` of ``total``."""
        if self._total == 1 and total:
            self._bar.update(self._task, completed=begun, total=total, description="methods")

    def done(self, name: str, result: Result) -> None:
        """One more picture is done."""
        self._count += 1
        if self._total > 1:
            self._bar.update(self._task, completed=self._count, description=escape(_short(name)))
            if not self._live and not self._quiet:
                word = result.reason if isinstance(result, Failure) else result.conclusion.strength.words
                self._console.print(
                    Text(f"{self._count}/{self._total} {name}: {word}"), soft_wrap=True, highlight=False
                )


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"…{name[-39:]}"
