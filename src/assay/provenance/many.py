"""Many files, each verified in a worker process: a crash, a hang or a hog of one costs that one."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from assay.errors import AssayError, MediaError
from assay.provenance.model import Unverified, Verification
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify
from assay.workers import Lost, each

SECONDS = 120.0
"""That one file may take."""

Answer = Verification | Unverified


@dataclass(frozen=True)
class Ask:
    """How to verify: as :func:`assay.provenance.verify.verify` takes it. ``sidecar_name`` is the sidecar's file."""

    trust: TrustStore
    sidecar: bytes | None = None
    sidecar_name: str | None = None
    at: datetime | None = None
    online: bool = False


def each_verified(
    paths: Sequence[str], ask: Ask, *, jobs: int = 1, seconds: float = SECONDS
) -> Generator[tuple[str, Answer], None, None]:
    """Verify files with ``jobs`` workers; yields answers in the order of ``paths``, each as soon as it is ready.

    Nothing about a file is raised: one that cannot be verified is answered by an :class:`Unverified`.
    """
    with closing(each(partial(one, ask=ask), paths, jobs=jobs, seconds=seconds)) as results:
        for path, result in results:
            if isinstance(result, Lost):
                result = Unverified(path=path, error=f"{path}: {result.says}", reason=result.reason)  # noqa: PLW2901
            yield path, result


def one(path: str, ask: Ask) -> Answer:
    """Verify one file, whatever it is. Runs in the worker."""
    try:
        found = verify(Path(path), name=path, trust=ask.trust, sidecar=ask.sidecar, at=ask.at, online=ask.online)
    except MediaError as error:
        return Unverified(path=path, error=str(error), reason=error.reason)
    except MemoryError:
        return Unverified(path=path, error=f"{path}: out of memory", reason="out_of_memory")
    except (AssayError, OSError) as error:
        return Unverified(path=path, error=f"{path}: {error}", reason="unreadable")
    except Exception as error:  # whatever a library raises for one file must not end the work on the others
        return Unverified(path=path, error=f"{path}: the check failed ({type(error).__name__})", reason="crashed")
    if ask.sidecar_name and found.sidecar:
        found = replace(found, sidecar=ask.sidecar_name)
    return found


__all__ = ["SECONDS", "Answer", "Ask", "each_verified", "one"]
