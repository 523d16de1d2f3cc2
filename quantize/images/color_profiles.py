"""Colour profiles: which ones fit an image, and colours that are converted to sRGB through theirs."""

import io
from typing import Any

SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}


def space_of(profile: bytes) -> bytes:
    """Colour space of a profile, four letters, or nothing if it is none."""
    good = len(profile) >= 128 and profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") == len(profile)
    return profile[16:20] if good else b""


def to_srgb(image: Any, profile: bytes | None) -> Any:
    """Convert an image of Pillow's (gray, CMYK, or CIELAB without a profile) to sRGB.

    ValueError where the profile cannot be used.
    """
    from PIL import ImageCms

    source = ImageCms.createProfile("LAB") if profile is None else ImageCms.ImageCmsProfile(io.BytesIO(profile))
    # Without this LittleCMS takes a table of few points, which is 10 levels off in the dark.
    flags = ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.HIGHRESPRECALC
    try:
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC if profile is None else ImageCms.getDefaultIntent(source)
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent(intent), "RGB", flags=flags
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(str(error)) from error
    assert converted is not None
    return converted
