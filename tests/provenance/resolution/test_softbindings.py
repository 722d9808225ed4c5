import base64
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.resolution.manifests import (
    ONE,
    THREE,
    TWO,
    WATERMARK,
    box,
    manifest,
    simple,
    soft_binding,
    store,
    superbox,
)

from assay.errors import MediaError
from assay.provenance import boxes, softbindings
from assay.provenance.model import SoftBinding
from assay.provenance.softbindings import contents, decoded


def reason(data: bytes) -> str:
    with pytest.raises(MediaError) as caught:
        contents(data)
    return caught.value.reason


def test_the_last_manifest_is_the_active_one_and_only_its_bindings_count() -> None:
    other = manifest(TWO, soft_binding(WATERMARK, b"other"))
    data = store(other, manifest(ONE, soft_binding(WATERMARK, b"mine")))
    found = contents(data)
    assert found.manifest_id == ONE
    assert found.labels == (TWO, ONE)
    assert found.bindings == ((WATERMARK, b"mine"),)
    assert contents(found.active).labels == (ONE,)


@pytest.mark.parametrize("kind", [b"c2ma", b"c2um", b"c2cm"])
def test_update_and_compressed_manifests_are_manifests(kind: bytes) -> None:
    assert contents(store(manifest(TWO), manifest(THREE, kind=kind))).manifest_id == THREE


def test_boxes_of_other_kinds_are_passed_over() -> None:
    data = store(manifest(ONE), superbox(b"free", "filling"))
    assert contents(data).manifest_id == ONE


def test_several_assertions_blocks_and_forms_of_a_value() -> None:
    text = base64.b64encode(b"as text").decode()
    data = store(
        manifest(
            ONE,
            soft_binding(WATERMARK, b"one", b"two", b"one"),
            soft_binding("org.example.b", text, label="c2pa.soft-binding__2"),
            soft_binding("org.example.c", "2*0101", label="c2pa.soft-binding__3"),
            soft_binding("org.example.d", b"no binding", label="c2pa.soft-bindings"),
        )
    )
    assert contents(data).bindings == (
        (WATERMARK, b"one"), (WATERMARK, b"two"), ("org.example.b", b"as text"), ("org.example.c", b"2*0101"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"\x81" * 5000,
        cbor2.dumps([1, 2]),
        cbor2.dumps({"alg": 5, "blocks": []}),
        cbor2.dumps({"alg": "a b", "blocks": [{"value": b"x"}]}),
        cbor2.dumps({"alg": "<script>", "blocks": [{"value": b"x"}]}),
        cbor2.dumps({"alg": "a" * 500, "blocks": [{"value": b"x"}]}),
        cbor2.dumps({"alg": "a", "blocks": {"value": b"x"}}),
        cbor2.dumps({"alg": "a", "blocks": [b"x", {"value": 5}, {}, {"value": b""}]}),
        b"\xa2calgaacalgab",
        cbor2.dumps({"alg": "a", "blocks": [{"value": b"x" * (softbindings.MAX_VALUE + 1)}]}),
    ],
)
def test_an_assertion_that_nobody_can_read_binds_nothing(body: bytes) -> None:
    assertion = superbox(b"cbor", "c2pa.soft-binding", box(b"cbor", body))
    assert contents(store(manifest(ONE, assertion))).bindings == ()


def test_a_manifest_without_assertions_has_no_bindings() -> None:
    assert contents(store(superbox(b"c2ma", ONE))).bindings == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0", "truncated"),
        (superbox(b"xxxx", "c2pa", manifest(ONE)), "malformed"),
        (store(), "malformed"),
        (store(superbox(b"c2ma", None)), "malformed"),
        (store(superbox(b"c2ma", "")), "malformed"),
        (store(superbox(b"c2ma", "../../etc/passwd")), "malformed"),
        (store(superbox(b"c2ma", "a b")), "malformed"),
        (store(superbox(b"c2ma", "\x1b[31mred")), "malformed"),
        (store(superbox(b"c2ma", "a\u202eb")), "malformed"),
        (store(superbox(b"c2ma", "a" * 300)), "malformed"),
        (simple(pad=b"x" * softbindings.MAX_BYTES), "too_large"),
        (store(manifest(ONE, soft_binding(WATERMARK, b"x" * softbindings.MAX_VALUE * 5))), "too_large"),
        (store(manifest(ONE, soft_binding(WATERMARK, *[bytes([n % 256, n // 256]) for n in range(300)]))), "too_large"),
    ],
)
def test_what_is_no_manifest_store_is_refused(data: bytes, expected: str) -> None:
    assert reason(data) == expected


@pytest.mark.parametrize("label", [ONE, f"{ONE}:adobe", f"contentauth:{ONE}", "adobe:urn:uuid:1234", f"{ONE}:x:2_1"])
def test_labels_of_the_specification_old_and_new_are_ids(label: str) -> None:
    assert contents(simple(label)).manifest_id == label


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["alg", "blocks", "value", "x"]), inner),
        max_leaves=12,
    )
)
def test_any_assertion_is_read_or_passed_over(value: Any) -> None:
    assertion = superbox(b"cbor", "c2pa.soft-binding", box(b"cbor", cbor2.dumps(value)))
    for algorithm, found in contents(store(manifest(ONE, assertion))).bindings:
        assert softbindings.ALGORITHM.fullmatch(algorithm)
        assert found


def test_a_record_is_decoded_strictly() -> None:
    assert decoded(SoftBinding(algorithm=WATERMARK, value="AAE=")) == (WATERMARK, b"\0\1")
    for algorithm, value in [("a b", "AAE="), (WATERMARK, "AAE"), (WATERMARK, ""), (WATERMARK, "AA==\n"), ("", "AAE=")]:
        with pytest.raises(ValueError, match=r"."):
            decoded(SoftBinding(algorithm=algorithm, value=value))


def test_a_store_that_the_library_made_is_understood() -> None:
    """c2pa-python writes the value of a soft binding given as JSON as text."""
    import io
    import json

    from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, Signer
    from tests.provenance.pki import pki
    from tests.provenance.samples import sample

    from assay.provenance import engine

    value = base64.b64encode(b"eight by").decode()
    definition = {
        "claim_generator_info": [{"name": "Assay", "version": "0"}],
        "assertions": [
            {"label": "c2pa.soft-binding", "data": {"alg": WATERMARK, "blocks": [{"scope": {}, "value": value}]}}
        ],
    }
    keys = pki()
    builder = Builder(json.dumps(definition), context=engine.context())
    builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
    builder.set_no_embed()
    info = C2paSignerInfo(keys.algorithm.encode(), keys.chain_pem, keys.key_pem, None)
    made = builder.sign(Signer.from_info(info), "image/jpeg", io.BytesIO(sample("image/jpeg")), io.BytesIO())
    found = contents(bytes(made))
    assert found.manifest_id.startswith("urn:c2pa:")
    assert found.bindings == ((WATERMARK, b"eight by"),)
    assert found.active == made
    assert boxes.read(made).boxes[0].label == found.manifest_id
