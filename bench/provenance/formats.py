"""Each kind of file signed by Assay and verified by three: Assay, c2pa-python alone, and encypher-c2pa."""

import io
import json
import sys
from collections.abc import Iterable

from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, C2paSigningAlg, Signer
from tests.provenance.pki import Pki, authority, pki
from tests.provenance.samples import MIMES, sample

from assay.provenance import engine
from assay.provenance.definition import Options
from assay.provenance.formats import NAMES
from assay.provenance.identity import Identity, from_pem
from assay.provenance.sign import sign
from assay.provenance.trust import TrustStore, read_pem
from assay.provenance.verify import verify
from bench.provenance.figures import Format
from bench.provenance.others import bare, encypher

PART = "formats"


def measure(mimes: Iterable[str] = MIMES) -> list[Format]:
    """All kinds, with and without a timestamp of an authority on this machine."""
    certificates = pki()
    identity = from_pem(certificates.chain_pem, certificates.key_pem)
    trust = trusted(certificates)
    with authority(certificates) as url:
        rows = [one(mime, identity, trust, url) for mime in mimes]
    print(f"{PART}: {len(rows)} kinds of file", file=sys.stderr)
    return rows


def trusted(certificates: Pki) -> TrustStore:
    """The lists of a test: who signs, and who stamps."""
    return TrustStore((
        read_pem(certificates.root_pem.decode(), id="bench", title="bench"),
        read_pem(certificates.tsa_root_pem.decode(), id="bench-tsa", title="bench clocks", kind="tsa"),
    ))  # fmt: skip


def one(mime: str, identity: Identity, trust: TrustStore, tsa: str) -> Format:
    """One kind."""
    data = sample(mime)
    options = Options(source_type="digitalCreation", title="sample")
    stamped = sign(data, identity, Options(source_type="digitalCreation", title="sample", tsa=tsa)).data or b""
    signed = sign(data, identity, options).data or b""
    context = engine.context(trust.anchors())
    found = verify(stamped, trust=trust)
    if found.signed_at is None:
        raise AssertionError(f"{mime}: the timestamp was not seen")
    return Format(
        mime=mime, name=NAMES[mime], ours=found.state.value, library=bare(stamped, mime, context)[0],
        encypher=encypher(stamped, mime, trust)[0], tampered=verify(tampered(signed, data), trust=trust).state.value,
        bytes=len(signed) - len(data), stamped=len(stamped) - len(data), bare=_bare_bytes(mime, data),
    )  # fmt: skip


def _bare_bytes(mime: str, data: bytes) -> int:
    """What c2pa-python alone adds with the same certificates."""
    made = pki()
    signer = Signer.from_info(C2paSignerInfo(C2paSigningAlg.ES256, made.chain_pem, made.key_pem, None))
    builder = Builder(json.dumps({"title": "sample"}), context=engine.context())
    builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CREATION)
    out = io.BytesIO()
    builder.sign(signer, mime, io.BytesIO(data), out)
    return len(out.getvalue()) - len(data)


def tampered(signed: bytes, data: bytes) -> bytes:
    """``signed`` with one bit of the content changed: late in the file, where no header is."""
    for part in range(95, 20, -5):
        at = len(data) * part // 100
        found = signed.rfind(data[at : at + 16])
        if found >= 0:
            changed = bytearray(signed)
            changed[found + 4] ^= 1
            return bytes(changed)
    raise AssertionError("the content is not in the signed file")


__all__ = ["PART", "measure", "tampered", "trusted"]
