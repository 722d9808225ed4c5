"""A picture as a screen should show it: in sRGB, upright, over grey. For showing, never for measuring."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from assay.media.pillow import bands

_MID_GREY = 128
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def transform_of(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform]:
    """Pillow mode of the profile's colours and the transform from it to sRGB.

    Raises ValueError where the profile is broken or of another kind than RGB, grey or CMYK.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES[source.profile.xcolor_space.strip()]
        target = ImageCms.createProfile("sRGB")
        return mode, ImageCms.buildTransform(
            source, target, mode, "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (ImageCms.PyCMSError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"the ICC profile cannot be used: {error}") from error


def render(
    rgb: npt.NDArray[np.uint8],
    alpha: npt.NDArray[np.uint8] | None,
    inks: npt.NDArray[np.uint8] | None,
    profile: tuple[str, ImageCms.ImageCmsTransform] | None,
) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 in sRGB. ``inks`` are (H, W, 4) CMYK, used where the profile is one of CMYK."""
    if profile is not None and profile[0] == "CMYK" and inks is None:
        profile = None
    if profile is None and alpha is None:
        return rgb
    shown = np.empty_like(rgb)
    for rows in bands(*rgb.shape[:2]):
        band: npt.NDArray[np.uint8] = rgb[rows]
        if profile is not None:
            mode, transform = profile
            if mode == "CMYK" and inks is not None:
                image = Image.fromarray(np.ascontiguousarray(inks[rows]), "CMYK")
            elif mode == "L":
                image = Image.fromarray(np.ascontiguousarray(band[..., 0]))
            else:
                image = Image.fromarray(np.ascontiguousarray(band))
            band = np.asarray(ImageCms.applyTransform(image, transform))
        if alpha is not None:
            share = alpha[rows][..., None].astype(np.uint16)
            over = band.astype(np.uint16) * share + _MID_GREY * (255 - share)
            band = ((over + 127) // 255).astype(np.uint8)
        shown[rows] = band
    return shown


__all__ = ["render", "transform_of"]
