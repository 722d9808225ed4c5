"""Cases that people meet, each run for real with the commands of Assay: docs/figures/provenance-cases.md."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt
from c2pa import Reader
from PIL import Image
from tests.provenance.pki import pki
from tests.provenance.samples import landscape, picture
from tests.provenance.signed import sign, stapled, tampered

from assay import __version__, testing
from assay.provenance import engine, watermark
from bench.provenance.desk import Desk, desk
from bench.provenance.figures import FIGURES

PART = "cases"
Pixels = npt.NDArray[np.uint8]
JPEG = "image/jpeg"

HEAD = """# Cases, with their commands

Run by `python -m bench.provenance --part cases`, which writes this page: every command below was run in an empty folder
by Assay {version} on {date}, and this is what it printed. The pictures are drawn by code, and all certificates are made
for the occasion. `$?` that is not 0 is noted under the output.
"""


@dataclass(frozen=True)
class Case:
    """A heading, what happens, and the commands."""

    title: str
    tells: str
    run: Callable[[Desk], None]


def page() -> str:
    """Run all cases; the page. Raises AssertionError where a command does not end as it should."""
    parts = [HEAD.format(version=__version__, date=datetime.now(UTC).date().isoformat())]
    for case in CASES:
        print(f"{PART}: {case.title}", file=sys.stderr)
        with desk() as one:
            one.lines += [f"## {case.title}", "", " ".join(case.tells.split()), ""]
            case.run(one)
            parts.append("\n".join(one.lines).replace("\n\n\n", "\n\n"))
    return "\n".join(parts).rstrip() + "\n"


def write(text: str) -> None:
    """Write the page."""
    (FIGURES / "provenance-cases.md").write_text(text, encoding="utf-8")


def _photo(one: Desk, name: str = "photo.jpg", seed: int = 1) -> None:
    (one.folder / name).write_bytes(picture(JPEG, landscape(960, 640, seed), quality=92))


def _laundering(one: Desk) -> None:
    _photo(one)
    one.run('assay certificates create Camera -o camera --organisation "Camera Works"', shown=False)
    one.run('assay certificates create Editor -o editor --organisation "Edit House"', shown=False)
    one.run("assay sign photo.jpg -o signed.jpg -i camera --source digitalCapture")
    changed = tampered((one.folder / "signed.jpg").read_bytes())
    (one.folder / "forged.jpg").write_bytes(changed)
    one.say("Now somebody changes the picture, as `forged.jpg`. Its credentials no longer hold:")
    one.run("assay verify forged.jpg --trust camera/root.pem", code=1)
    one.say("Assay does not sign over that unasked:")
    one.run("assay sign forged.jpg -o clean.jpg -i editor --action c2pa.cropped", code=3)
    one.say(
        "Other tools do. This is what a forger gets who signs with one of them, by a certificate that you trust. "
        "The credentials themselves are sound; the verdict over the chain is not:"
    )
    key, chain = ((one.folder / "editor" / name).read_bytes() for name in ("key.pem", "chain.pem"))
    laundered = _by_others(changed, chain, key)
    (one.folder / "clean.jpg").write_bytes(laundered)
    one.run("assay verify clean.jpg --trust camera/root.pem --trust editor/root.pem", code=1)
    one.say(f"c2pa-python alone, with the same two roots, calls the same file **{_library(one, laundered)}**.")


def _by_others(data: bytes, chain: bytes, key: bytes) -> bytes:
    tool = {"claim_generator_info": [{"name": "Another tool", "version": "1"}]}
    by = replace(pki(), chain_pem=chain, key_pem=key)
    return sign(data, parent=data, by=by, title="clean.jpg", definition=tool)[0]


def _library(one: Desk, data: bytes) -> str:
    roots = [(one.folder / who / "root.pem").read_text(encoding="ascii") for who in ("camera", "editor")]
    anchors = [engine.Anchors(f"urn:case:{number}", pem) for number, pem in enumerate(roots)]
    with Reader(JPEG, io.BytesIO(data), context=engine.context(anchors)) as reader:
        return str(reader.get_validation_state())


def _expired(one: Desk) -> None:
    _photo(one)
    later = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()
    one.run("assay certificates create Desk -o desk --organisation Planet", shown=False)
    one.run("assay tsa create Clock -o clock", shown=False)
    one.run("assay sign photo.jpg -o plain.jpg -i desk --source digitalCapture --quiet", shown=False)
    with one.serving("assay tsa serve --identity clock --quiet") as url:
        one.show("assay tsa serve --identity clock &", f"(listening at {url})")
        one.run(f"assay sign photo.jpg -o stamped.jpg -i desk --source digitalCapture --tsa {url}")
    one.run("assay trust add clock/root.pem --tsa --name clock")
    one.say(f"The certificate is valid for a year. On {later}, without a timestamp:")
    one.run(f"assay verify plain.jpg --trust desk/root.pem --at {later}", code=1)
    one.say("With one:")
    one.run(f"assay verify stamped.jpg --trust desk/root.pem --at {later}")


def _revoked(one: Desk) -> None:
    made = pki()
    (one.folder / "root.pem").write_bytes(made.root_pem)
    for name, revoked in (("good.jpg", False), ("revoked.jpg", True)):
        data, _ = sign(picture(JPEG, landscape(960, 640)), title=name)
        (one.folder / name).write_bytes(stapled(data, made.ocsp_response(made.leaf, revoked=revoked)))
    one.run("assay verify good.jpg --trust root.pem")
    one.run("assay verify revoked.jpg --trust root.pem", code=1)


def _vouched(one: Desk) -> None:
    _photo(one)
    today = datetime.now(UTC).date().isoformat()
    one.run('assay certificates create "Verification desk" -o desk --organisation "Daily Planet"', shown=False)
    one.run(
        f'assay vouch sign photo.jpg -i desk --received-from "a reader, known to us" --received-on {today} '
        '--checked "the place, against satellite pictures"'
    )
    one.run("assay vouch check photo.jpg.vouch photo.jpg --trust desk/root.pem")
    data = (one.folder / "photo.jpg").read_bytes()
    (one.folder / "commented.jpg").write_bytes(data[:2] + b"\xff\xfe\x00\x07hello" + data[2:])
    one.say("A copy into which somebody wrote a comment is not the file, though it shows the same:")
    one.run("assay vouch check photo.jpg.vouch commented.jpg --trust desk/root.pem", code=1)
    one.say("The newsroom was deceived, and takes it back:")
    one.run('assay vouch withdraw photo.jpg.vouch -i desk --note "The source was not who they said."')
    one.run(
        "assay vouch check photo.jpg.vouch photo.jpg --trust desk/root.pem --later photo.jpg.withdrawn.vouch", code=1
    )


def _scene(seed: int) -> Pixels:
    """A picture with enough to see for a fingerprint to tell it from others, (1067, 1600, 3) RGB."""
    return testing.scene(seed, 1600, 1067)[:, :, ::-1].copy()


def _durable(one: Desk) -> Pixels:
    """A picture that is signed so that its credentials are found again; its pixels as they were written."""
    (one.folder / "photo.jpg").write_bytes(picture(JPEG, _scene(21), quality=92))
    one.run('assay certificates create Desk -o desk --organisation "Daily Planet"', shown=False)
    one.run("assay sign photo.jpg -o signed.jpg -i desk --source digitalCapture --durable manifests")
    return read(one, "signed.jpg")


def read(one: Desk, name: str) -> Pixels:
    """The pixels of a picture in the folder, RGB."""
    return np.array(Image.open(one.folder / name).convert("RGB"), np.uint8)


def _recovered(one: Desk) -> None:
    pixels = _durable(one)
    small = cv2.resize(pixels, (960, 640), interpolation=cv2.INTER_AREA).astype(np.uint8)
    (one.folder / "shared.jpg").write_bytes(picture(JPEG, small, quality=60))
    one.say(
        "A social network makes it smaller, compresses it at quality 60, and drops all metadata. What comes back is "
        "`shared.jpg`:"
    )
    one.run("assay verify shared.jpg --trust desk/root.pem", code=4)
    one.run("assay recover shared.jpg --from manifests --trust desk/root.pem")
    small[330:480, 500:760] = small[330:480, 100:360]
    (one.folder / "edited.jpg").write_bytes(picture(JPEG, small, quality=75))
    one.say("Somebody copies a part of it over another:")
    one.run("assay recover edited.jpg --from manifests --trust desk/root.pem", code=1)


def _transplanted(one: Desk) -> None:
    mark = watermark.detect(_durable(one))
    if mark is None:
        raise AssertionError("no watermark in the signed picture")
    forged = watermark.embed(_scene(22), mark.payload)
    (one.folder / "forged.jpg").write_bytes(picture(JPEG, forged, quality=90))
    one.say(
        "A forger reads the watermark of that picture, as anybody can, and puts the same number into a picture of "
        "another scene, `forged.jpg`. The number still leads to the manifest, but its fingerprint is that of another "
        "picture:"
    )
    one.run("assay recover forged.jpg --from manifests --trust desk/root.pem", code=1)


CASES = (
    Case("Laundering: sound credentials over a forged picture", "A camera signs a picture.", _laundering),
    Case(
        "An expired certificate, with and without a timestamp",
        "The same picture is signed twice, once with a timestamp of an authority of one's own.", _expired,
    ),
    Case(
        "A revoked certificate",
        """Two pictures, signed with the same certificate. To each signature its authority's answer about the
        certificate is stapled (OCSP): to the first that it is good, to the second that it was revoked the day before.
        Nothing is fetched.""",
        _revoked,
    ),
    Case(
        "Stripped by a network, and recovered",
        """A picture is signed with `--durable`: an invisible watermark goes into its pixels, and a manifest into a
        store.""",
        _recovered,
    ),
    Case(
        "A watermark moved to another picture", "Signed as above. Then the watermark is copied.", _transplanted,
    ),
    Case(
        "Vouched for by a newsroom that did not make it",
        "A reader's picture without credentials. The newsroom says what it knows of it, in a file beside it.", _vouched,
    ),
)  # fmt: skip

__all__ = ["CASES", "PART", "Case", "page", "write"]
