"""A file that means harm, by way of every text it can put into a report."""

import msgspec

from assay.evidence import Region, Report

EVIL = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7 * 7 }}</style>'.jpg"


def hostile(report: Report, text: str = EVIL) -> Report:
    """``text`` in every place that the examined file, or a method quoting it, can reach."""
    subject = msgspec.structs.replace(report.subject, path=text, mode=text)
    findings = tuple(
        msgspec.structs.replace(
            f, says=text, details={text: text, "rows": [{text: text}], "deep": {text: [[text]]}},
            regions=(Region(x=1, y=1, width=9, height=9, says=text),),
            maps=tuple(msgspec.structs.replace(m, name=text, meaning=text) for m in f.maps),
        )
        for f in report.findings
    )  # fmt: skip
    abstentions = tuple(msgspec.structs.replace(a, says=text) for a in report.abstentions)
    statements = tuple(msgspec.structs.replace(s, says=text) for s in report.conclusion.for_)
    conclusion = msgspec.structs.replace(report.conclusion, for_=statements, says=text)
    return msgspec.structs.replace(
        report, subject=subject, findings=findings, abstentions=abstentions, conclusion=conclusion, examined_at=text
    )
