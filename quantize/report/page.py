"""The page: three pictures, and the figures."""

import base64
import hashlib
import math
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from quantize.container import unpack
from quantize.datatypes import Encoded, Picture
from quantize.images.files import png_of_pixels
from quantize.images.png import png_of_palette
from quantize.multiresolution.editions import EDITIONS, NEWEST
from quantize.report.decoder import decoder_script, models_of
from quantize.report.error_map import RAMP, pixel_errors, scale_of, shades, shrunk

# Larger pictures are shown smaller, so that a browser opens the page whatever was encoded.
MOST_SHOWN = 4_000_000


def report_place(place: Path) -> Path:
    """Return where the report of a result goes: beside it."""
    return place.with_name(f"{place.name}-report.html")


def report_page(picture: Picture, encoded: Encoded, name: str, result: str, original_bytes: int) -> bytes:
    """Return the page as UTF-8. No date, duration or path is on it, so equal results have equal pages.

    A .vqi file is on the page as it is, and decoded there. Pictures that are shown smaller are PNGs, as are those whose
    codebook is in another file.

    Parameters
    ----------
    picture : Picture
        What was encoded.
    encoded : Encoded
    name, result : str
        Names of the two files.
    original_bytes : int
        Size of the original's file.
    """
    height, width, _ = picture.pixels.shape
    errors = pixel_errors(picture.pixels, encoded.pixels)
    factor = math.ceil(math.sqrt(height * width / MOST_SHOWN))
    scale = scale_of(errors)
    shown_errors = shrunk(errors, factor) if factor > 1 else errors
    opaque = np.column_stack([RAMP, np.full(len(RAMP), 255, np.uint8)])
    icc = {key: value for key, value in picture.metadata.items() if key in ("icc", "png")}
    script = _asset("report.js")
    is_held = factor == 1 and encoded.ending == ".vqi" and not unpack(encoded.data, height * width).all(b"HASH")
    decoder = decoder_script() + _asset("result.js") if is_held else ""
    page = Template(_asset("report.html")).substitute(
        policy=escape(_policy(script, decoder)),
        title=escape(name),
        style=_asset("report.css"),
        script=script,
        width=str(width),
        height=str(height),
        original=_png(png_of_pixels(_shown(picture.pixels, factor), icc)),
        result="" if is_held else f'src="{_png(png_of_pixels(_shown(encoded.pixels, factor), icc))}"',
        decoder=_decoder(encoded, decoder) if is_held else "",
        errors=_png(png_of_palette(shades(shown_errors, scale), opaque, {})),
        original_size=f"{original_bytes:,} bytes",
        result_size=f"{len(encoded.data):,} bytes, {encoded.bits_per_pixel:.3f} bits per pixel",
        result_name=escape(result),
        scale=str(scale),
        ramp=", ".join(f"rgb({r} {g} {b})" for r, g, b in RAMP[::51].tolist()),
        facts="".join(
            f"<div><dt>{escape(fact)}</dt><dd>{escape(value)}</dd></div>"
            for fact, value in _facts(picture, encoded, errors, original_bytes)
        ),
        shrunk="" if factor == 1 else f" The pictures are shown at 1/{factor} of their size.",
    )
    # A file may have a name that is no text.
    return page.encode(errors="backslashreplace")


def _facts(
    picture: Picture, encoded: Encoded, errors: NDArray[np.float32], original_bytes: int
) -> list[tuple[str, str]]:
    height, width, _ = picture.pixels.shape
    facts = [
        ("Size", f"{width} x {height}"),
        ("Rate", f"{encoded.bits_per_pixel:.3f} bits per pixel"),
        ("Relative file size", f"{100 * len(encoded.data) / max(1, original_bytes):.1f} %"),
        ("PSNR", f"{encoded.psnr:.2f} dB" if math.isfinite(encoded.psnr) else "lossless"),
        ("SSIM", f"{encoded.ssim:.4f}"),
        ("Quality", str(encoded.quality)),
        ("Largest error", f"{errors.max():.1f} levels"),
        ("Pixels without error", f"{100 * np.count_nonzero(errors == 0) / errors.size:.1f} %"),
        ("Profile", encoded.profile),
    ]
    return facts + [(key.replace("_", " ").capitalize(), _told(value)) for key, value in encoded.details.items()]


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_told(part) for part in value)
    return str(value)


def _shown(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return pixels
    return np.rint(shrunk(pixels.astype(np.float32), factor)).astype(np.uint8)


@cache
def _asset(name: str) -> str:
    return (files("quantize.report") / "assets" / name).read_text(encoding="utf-8")


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{_base64(data)}"


def _decoder(encoded: Encoded, script: str) -> str:
    """Elements that hold a .vqi file, what its decoder needs, and the decoder."""
    held = {"vqi": encoded.data}
    if encoded.profile == "multiresolution":
        held["known"] = models_of(EDITIONS[NEWEST])
    data = [f'<script type="text/plain" id="{name}">{_base64(data)}</script>' for name, data in held.items()]
    return "\n".join([*data, f'<script type="module">{script}</script>'])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _policy(*scripts: str) -> str:
    """Nothing from anywhere, pictures that the page holds or decodes, and these scripts."""
    digests = " ".join(f"'sha256-{_base64(hashlib.sha256(script.encode()).digest())}'" for script in scripts if script)
    return (
        f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {digests}; "
        "base-uri 'none'; form-action 'none'"
    )
