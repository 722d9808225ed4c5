"""The canonical record: one line of JSON a picture, and the JSON Schema that it keeps to."""

import inspect
from typing import Any

import msgspec

from assay import evidence
from assay.errors import UsageError
from assay.evidence import Failure, Report

SCHEMA_ID = "urn:assay:report:1"
_encoder = msgspec.json.Encoder(order="deterministic")


class _Kind(msgspec.Struct):
    schema: str
    error: str | None = None


def encode(result: Report | Failure) -> bytes:
    """One line of JSON without its newline: the fields in the order of their definition, free-form keys sorted.

    NaN and infinities, which JSON cannot say, become null; bytes of a file name that are not UTF-8 are written out as
    escapes.
    """
    # By way of convert, 255 in a field of fractions becomes 255.0, as it will be when it is read back.
    exact = msgspec.convert(msgspec.to_builtins(result), type(result))
    try:
        return _encoder.encode(exact)
    except UnicodeEncodeError:
        return _encoder.encode(msgspec.convert(_speakable(msgspec.to_builtins(exact)), type(result)))


def line(record: msgspec.Struct) -> bytes:
    """Any other record as one line of JSON, its newline included; bytes of a file name as in :func:`encode`."""
    try:
        return msgspec.json.encode(record) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_speakable(msgspec.to_builtins(record))) + b"\n"


def _speakable(value: Any) -> Any:
    """The same value with lone surrogates written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_speakable(k): _speakable(v) for k, v in value.items()}
    return [_speakable(v) for v in value] if isinstance(value, list | tuple) else value


def decode(data: bytes) -> Report | Failure:
    """Read one record back. Raises UsageError where ``data`` is not one."""
    try:
        kind = msgspec.json.decode(data, type=_Kind)
        if kind.schema != "assay/report/1":
            raise UsageError(f"Not a record this version reads: its schema is {kind.schema!r}, not 'assay/report/1'")
        if kind.error is None:
            return msgspec.json.decode(data, type=Report)
        return msgspec.json.decode(data, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"Not an Assay record: {error}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record. Every field is always present."""
    _, parts = msgspec.json.schema_components((Report, Failure), ref_template="#/$defs/{name}")
    for name, part in parts.items():
        documented = inspect.getdoc(getattr(evidence, name, None))
        if documented:
            part["description"] = documented
        if part.get("type") == "object":
            part["required"] = list(part["properties"])
            for field in part["properties"].values():
                field.pop("default", None)
    for name in ("Report", "Failure"):
        parts[name]["properties"]["schema"] = {"const": "assay/report/1"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Assay report",
        "description": "What `assay examine --json` writes, one line a picture: a Report, or a Failure where the file "
        "could not be examined.",
        "oneOf": [{"$ref": "#/$defs/Report"}, {"$ref": "#/$defs/Failure"}],
        "$defs": dict(sorted(parts.items())),
    }
