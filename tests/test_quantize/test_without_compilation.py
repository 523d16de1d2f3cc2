"""The kernels as plain Python decode the same bits, and encode and decode as compiled ones do."""

import os
import subprocess
import sys

import numpy as np
import pytest

import quantize
from tests.conftest import ROOT, compiled_only
from tests.test_quantize.conftest import photo

PROGRAM = """
import sys, warnings
from pathlib import Path
import numpy as np
import quantize
warnings.simplefilter("error")
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.vqi")):
    np.save(path.with_suffix(".npy"), quantize.decode(path.read_bytes()))
pixels = np.load(folder / "pixels.npz")["pixels"]
(folder / "palette.bin").write_bytes(quantize.encode(pixels[:8, :8], block=1))
(folder / "levels.bin").write_bytes(quantize.encode(pixels[:16, :16], profile="multiresolution"))
"""


@compiled_only
@pytest.mark.slow
def test_plain_python_decodes_the_same_bits(tmp_path):
    pixels = photo(20, 26)
    alpha = np.dstack([pixels, np.arange(520, dtype=np.uint8).reshape(20, 26)])
    files = {
        "two": quantize.encode(pixels, block=2, quality=50),
        "full": quantize.encode(pixels, block=2, subsampling="444", quality=80),
        "four": quantize.encode(pixels, block=4, quality=60),
        "alpha": quantize.encode(alpha[:9], block=2),
        "gray": quantize.encode(pixels[..., 0], block=2),
        "palette": quantize.encode(pixels[:10], block=1),
        "levels": quantize.encode(pixels, profile="multiresolution", quality=80),
        "tuned": quantize.encode(alpha, profile="multiresolution", tune="visual"),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.vqi").write_bytes(data)
    np.savez(tmp_path / "pixels.npz", pixels=pixels)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name, data in files.items():
        assert (np.load(tmp_path / f"{name}.npy") == quantize.decode(data)).all()
    assert (tmp_path / "palette.bin").read_bytes() == quantize.encode(pixels[:8, :8], block=1)
    levels = (tmp_path / "levels.bin").read_bytes()
    assert levels == quantize.encode(pixels[:16, :16], profile="multiresolution")
