"""XMP: every shape of RDF that writers use, and nothing that an attacker can gain."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.media import xmp

QUICK = settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.too_slow])

HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#" '
    'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:own="urn:own">'
)
TAIL = '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'


def packet(body: str, attributes: str = "") -> bytes:
    return f'{HEAD}{RDF}<rdf:Description rdf:about=""{attributes}>{body}</rdf:Description>{TAIL}'.encode()


FULL = packet(
    """
    <dc:title><rdf:Alt><rdf:li xml:lang="de">Brücke</rdf:li><rdf:li xml:lang="x-default">Bridge</rdf:li></rdf:Alt></dc:title>
    <dc:subject><rdf:Bag><rdf:li>river</rdf:li><rdf:li>stone</rdf:li></rdf:Bag></dc:subject>
    <dc:creator><rdf:Seq><rdf:li>One</rdf:li></rdf:Seq></dc:creator>
    <ext:DigitalSourceType rdf:resource="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"/>
    <xmpMM:DerivedFrom stRef:documentID="did:1" stRef:instanceID="iid:1"/>
    <xmpMM:History><rdf:Seq>
      <rdf:li stEvt:action="created" stEvt:when="2020-01-01T00:00:00Z"/>
      <rdf:li rdf:parseType="Resource"><stEvt:action>saved</stEvt:action><stEvt:softwareAgent>Ed 1</stEvt:softwareAgent></rdf:li>
      <rdf:li><rdf:Description stEvt:action="converted"/></rdf:li>
    </rdf:Seq></xmpMM:History>
    <own:thing>42</own:thing>
    """,  # noqa: E501
    ' xmp:CreatorTool="Ed 1" xmp:Rating="3"',
)


def test_all_shapes_come_out_flat() -> None:
    found = xmp.parse(FULL)
    assert found.remarks == []
    assert found.values == {
        "xmp:CreatorTool": "Ed 1", "xmp:Rating": "3", "dc:title": "Bridge", "dc:subject": ("river", "stone"),
        "dc:creator": ("One",), "own:thing": "42",
        "Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
        "xmpMM:DerivedFrom/stRef:documentID": "did:1", "xmpMM:DerivedFrom/stRef:instanceID": "iid:1",
        "xmpMM:History/stEvt:action": ("created", "saved", "converted"),
        "xmpMM:History/stEvt:when": ("2020-01-01T00:00:00Z",), "xmpMM:History/stEvt:softwareAgent": ("Ed 1",),
    }  # fmt: skip


def test_history_keeps_what_belongs_together() -> None:
    assert xmp.parse(FULL).history == (
        {"action": "created", "when": "2020-01-01T00:00:00Z"},
        {"action": "saved", "softwareAgent": "Ed 1"},
        {"action": "converted"},
    )


def test_customary_prefixes_win_over_the_files_own() -> None:
    body = '<a:CreatorTool xmlns:a="http://ns.adobe.com/xap/1.0/">X</a:CreatorTool>'
    assert xmp.parse(packet(body)).values == {"xmp:CreatorTool": "X"}


def test_a_value_with_qualifiers() -> None:
    body = (
        '<dc:source rdf:parseType="Resource"><rdf:value>Desk</rdf:value></dc:source>'
        "<dc:rights><rdf:Description><rdf:value>Mine</rdf:value><own:q>x</own:q></rdf:Description></dc:rights>"
    )
    assert xmp.parse(packet(body)).values["dc:rights"] == "Mine"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str) -> None:
    text = FULL.decode().replace("\ufeff", "")
    assert xmp.parse(text.encode(encoding)).values["dc:title"] == "Bridge"


def test_padding_and_missing_wrapper_do_not_matter() -> None:
    text = FULL.decode()
    bare = text[text.index("<rdf:RDF") : text.index("</x:xmpmeta>")]
    assert xmp.parse(bare.encode()).values == xmp.parse(FULL).values
    assert xmp.parse(FULL + b"\0" * 500).values == xmp.parse(FULL).values


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (b"nothing of the kind", "no RDF"),
        (FULL[:700], "not well-formed"),
        (packet("<dc:title>a & b</dc:title>"), "not well-formed"),
        (packet("<dc:a>" * 60 + "</dc:a>" * 60), "deeper or longer"),
        (packet("<dc:a/>" * (xmp.MAX_ELEMENTS + 1)), "deeper or longer"),
        (packet("<dc:a>&lol;</dc:a>"), "not well-formed"),
    ],
)
def test_what_is_broken_is_remarked_on(data: bytes, remark: str) -> None:
    found = xmp.parse(data)
    assert any(remark in text for text in found.remarks)
    assert found.raw


def test_entities_are_not_expanded() -> None:
    bomb = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!DOCTYPE l [<!ENTITY a "AAAA"><!ENTITY b "&a;&a;">]>&b;</x:xmpmeta>'
    assert xmp.parse(bomb).values == {}
    assert xmp.parse(b'<!DOCTYPE l [<!ENTITY a "AAAA">]>' + FULL).remarks == []


def test_long_texts_are_cut_and_hostile_sizes_end_soon() -> None:
    found = xmp.parse(packet(f"<dc:title>{'A' * 50_000}</dc:title>"))
    assert len(found.values["dc:title"]) == xmp.MAX_TEXT
    started = time.perf_counter()
    xmp.parse(packet("<dc:a><dc:b/></dc:a>" * 200_000))
    assert time.perf_counter() - started < 5


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    xmp.parse(data)
    xmp.parse(b"<rdf:RDF" + data)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6), st.integers(0, 2000))
def test_any_damage(changes: list[tuple[int, int]], keep: int) -> None:
    damaged = bytearray(FULL)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    for data in (bytes(damaged), FULL[:keep]):
        assert all(isinstance(value, str | tuple) for value in xmp.parse(data).values.values())
