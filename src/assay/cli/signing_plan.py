"""From what a person names to the files to sign, and where each goes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from assay.cli.inputs import can_be_signed, expand
from assay.cli.outputs import not_over, which
from assay.errors import UsageError
from assay.provenance.bulk import Task

SIDECAR = ".c2pa"


def plan(
    files: Sequence[str], output: str | None, *, sidecar: bool, in_place: bool, force: bool, make: bool = True
) -> tuple[list[Task], Path | None]:
    """The tasks, and the folder that their journal goes into: none for one file. Makes no folders but those of
    outputs, and those only with ``make``.

    Raises UsageError.
    """
    if "-" in files:
        raise UsageError("Standard input cannot be signed: name a file")
    if in_place and output is not None:
        raise UsageError("Give either --in-place or --output.")
    into = output is not None and (Path(output).is_dir() or output.endswith(("/", os.sep)))
    out = Path(output) if output is not None else None
    sources = list(_sources(files, out))
    if not sources:
        raise UsageError("There is nothing to sign but what lies in the folder of the results.")
    if len(sources) > 1 or any(Path(name).is_dir() for name in files) or into:
        if out is None:
            raise UsageError("Several files are signed into a folder: name one with --output.")
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file; several files are signed into a folder")
        tasks = [_task(source, out / below, sidecar=sidecar) for source, below in sources]
        _distinct(tasks)
        if make:
            _make_folders(tasks)
        return tasks, out
    source = sources[0][0]
    if in_place and source.is_symlink():  # else the link would be replaced, and the file that is meant stay as it was
        source = source.resolve()
    if out is None and not in_place and not sidecar:
        raise UsageError("Where to? Name a file with --output, or say --in-place.")
    task = _task(source, source if in_place else out, sidecar=sidecar)
    if in_place and sidecar:
        task = Task(source, None, source.with_suffix(SIDECAR))
    _free(task, in_place=in_place, force=force)
    return [task], None


def _sources(files: Sequence[str], out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Files, each with its place below the folder that was named. What lies in the output folder is no source."""
    results = out.resolve() if out is not None and out.is_dir() else None
    seen = set()
    for name in files:
        base = Path(name)
        for found in map(Path, expand([name], wanted=can_be_signed, what="file that can be signed")):
            below = found.relative_to(base) if base.is_dir() else Path(found.name)
            if (
                base.is_dir()
                and results is not None
                and results in found.resolve().parents
                and results != base.resolve()
            ):
                continue
            if found not in seen:
                seen.add(found)
                yield found, below


def _task(source: Path, out: Path | None, *, sidecar: bool) -> Task:
    return Task(source, out, (out or source).with_suffix(SIDECAR) if sidecar else None)


def _distinct(tasks: Sequence[Task]) -> None:
    """Raises UsageError where two files would be written to one place, or a file over itself."""
    places: dict[str, Task] = {}
    for task in tasks:
        if task.out is not None and task.out.resolve() == task.source.resolve():
            raise UsageError(f"{task.source} would be replaced by its result: name another folder")
        for path in task.written:
            other = places.setdefault(str(path).casefold(), task)
            if other is not task:
                raise UsageError(f"{other.source} and {task.source} would both be written to {path}")


def _free(task: Task, *, in_place: bool, force: bool) -> None:
    if not in_place and task.out is not None and task.out.resolve() == task.source.resolve():
        raise UsageError(f"{task.out} is the file itself: say --in-place to replace it")
    for path in task.written:
        if os.path.lexists(path) and not force and not (in_place and path == task.source):
            raise UsageError(f"{path} is there already: --force replaces it")
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent}")


def keep_apart(tasks: Sequence[Task], read: Sequence[Path], record: Path | None) -> None:
    """Raises UsageError where something would be written over a file that is read (one to sign, or one of ``read``), or
    over another result. ``record`` is where the record goes. Replacing a file by its own result is for :func:`plan`.
    """
    written = [*(path for task in tasks for path in task.written), *([record] if record else [])]
    by_themselves = {task.out for task in tasks if task.out == task.source}
    not_over([path for path in written if path not in by_themselves], [*read, *(task.source for task in tasks)])
    outputs: dict[object, Path] = {}
    for path in written:
        if outputs.setdefault(which(path), path) is not path:
            raise UsageError(f"Two results would be written to {path}: name another place")


def _make_folders(tasks: Sequence[Task]) -> None:
    for folder in {path.parent for task in tasks for path in task.written}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The folder {folder} cannot be made: {error.strerror}") from None


__all__ = ["SIDECAR", "keep_apart", "plan"]
