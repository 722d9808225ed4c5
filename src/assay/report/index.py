"""The page that lists the reports of several pictures."""

from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote

from markupsafe import Markup

import assay
from assay.evidence import Failure, Report
from assay.report import words
from assay.report.html import environment, policy, resource
from assay.report.words import plain


def render_index(results: Sequence[tuple[Report | Failure, str | None]]) -> str:
    """One self-contained page: a row a picture, each with a link to its report, a path relative to the page, where it
    has one.
    """
    css = resource("report.css")
    rows = [_row(result, link) for result, link in results]
    return environment().get_template("index.html.j2").render(
        rows=rows, failed=sum(1 for r, _ in results if isinstance(r, Failure)), assay=assay.__version__,
        not_proof=words.NO_SIGN_IS_NOT_PROOF, policy=policy(css),
        css=Markup(css),  # noqa: S704 (our own file)
    )  # fmt: skip


def _row(result: Report | Failure, link: str | None) -> dict[str, object]:
    path = result.subject.path
    row: dict[str, object] = {
        "name": plain(PurePath(path).name or path),
        # The dot keeps a file called "javascript:…" a path.
        "link": f"./{quote(link, errors='surrogateescape')}" if link else "",
    }
    if isinstance(result, Failure):
        return row | {"failed": True, "reason": result.reason, "says": plain(result.error)}
    conclusion, subject = result.conclusion, result.subject
    titles = {m.id: plain(m.title) for m in result.methods}
    top = conclusion.for_[0] if conclusion.for_ else None
    return row | {
        "failed": False,
        "facts": f"{subject.format.upper()}, {subject.width} × {subject.height}, {words.size(subject.bytes)}",
        "headline": words.headline(result),
        "rank": conclusion.strength.rank,
        "calibration": "" if conclusion.calibrated else words.UNCALIBRATED,
        "top": f"{titles.get(top.method, top.method)}: {plain(top.says)}" if top else "",
        "unjudged": len(conclusion.not_judged),
    }
