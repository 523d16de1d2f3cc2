"""Files that an earlier version wrote decode to the pixels that they were made with, bit for bit."""

import hashlib
import json
from pathlib import Path

import pytest

import quantize

GOLDEN = Path(__file__).parent / "golden"
PIXELS = json.loads((GOLDEN / "pixels.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PIXELS)
def test_a_golden_file_decodes_bit_for_bit(name):
    data = (GOLDEN / f"{name}.vqi").read_bytes()
    book = GOLDEN / "shared.vqc" if name.endswith("shared") else None
    for level, expected in PIXELS[name].items():
        pixels = quantize.decode(data, codebook=book, level=int(level))
        shape, digest = "x".join(map(str, pixels.shape)), hashlib.sha256(pixels.tobytes()).hexdigest()
        assert f"{shape} {digest}" == expected


def test_every_golden_file_is_tested():
    assert {path.stem for path in GOLDEN.glob("*.vqi")} == set(PIXELS)
