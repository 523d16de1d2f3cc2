"""Pictures for the tests of quantize, made from a seed, and its command."""

from functools import partial

import numpy as np
import pytest
from PIL import Image


def photo(height, width, seed=0):
    """A picture with smooth parts, edges and texture, (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32
    smooth = np.stack([np.sin(x + p) * np.cos(y * (1 + p)) for p in (0.1, 0.4, 0.9)], 2) * 60 + 120
    disk = ((x - 1.2) ** 2 + (y - 0.9) ** 2 < 0.6)[..., None] * np.array([70, -40, 20])
    texture = rng.normal(size=(height, width, 1)) * (12 * (x > 1.5))[..., None]
    return np.clip(smooth + disk + texture, 0, 255).astype(np.uint8)


@pytest.fixture
def write_image(tmp_path):
    """Write pixels to a file by Pillow: `write_image("a.jpg", pixels, quality=90)`."""

    def write(name, pixels, mode=None, **options):
        path = tmp_path / name
        image = Image.fromarray(pixels) if mode is None else Image.fromarray(pixels).convert(mode)
        image.save(path, **options)
        return path

    return write


@pytest.fixture
def command(run_command, tmp_path):
    return partial(run_command, "quantize", cwd=tmp_path)


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def visible(folder):
    """Names of all files but for the records."""
    return [name for name in names(folder) if not name.startswith(".")]
