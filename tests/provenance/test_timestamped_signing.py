"""End to end: a picture that c2pa-python signs with a timestamp of our authority, read with and without trust in it."""

import io
import json
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, Reader, Signer
from tests.provenance.pki import authority, pki

from assay.provenance.engine import Anchors, context


@pytest.fixture(scope="module")
def stamped() -> Iterator[bytes]:
    p = pki()
    with authority(p) as url:
        builder = Builder(json.dumps({"claim_generator_info": [{"name": "Test"}]}), context=context())
        builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
        signer = Signer.from_info(C2paSignerInfo(b"es256", p.chain_pem, p.key_pem, url.encode()))
        picture = cv2.imencode(".jpg", np.full((32, 32, 3), 99, np.uint8))[1].tobytes()
        out = io.BytesIO()
        builder.sign(signer, "image/jpeg", io.BytesIO(picture), out)
        yield out.getvalue()


def codes(file: bytes, *anchors: Anchors) -> tuple[str, set[str]]:
    reader = Reader("image/jpeg", io.BytesIO(file), context=context(anchors))
    results = reader.get_validation_results()["activeManifest"]
    return str(reader.get_validation_state()), {one["code"] for kind in results.values() for one in kind}


def signers() -> Anchors:
    return Anchors("urn:signers", pki().root_pem.decode())


def test_trusted_where_the_authority_is_an_anchor_for_timestamps(stamped: bytes) -> None:
    state, found = codes(stamped, signers(), Anchors("urn:tsa", pki().tsa_root_pem.decode(), timestamps=True))
    assert state == "Trusted"
    assert found >= {"timeStamp.validated", "timeStamp.trusted", "signingCredential.trusted"}


def test_untrusted_where_it_is_not(stamped: bytes) -> None:
    _, found = codes(stamped, signers())
    assert "timeStamp.untrusted" in found
    assert "timeStamp.trusted" not in found
