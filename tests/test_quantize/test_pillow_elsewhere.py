"""What other programs open and save through the Pillow plugin, and how a desktop knows the files."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

import quantize
import quantize.pillow
from quantize.container import IMAGE_SIGNATURE
from tests.conftest import ROOT
from tests.test_quantize.test_golden import GOLDEN
from tests.test_quantize.test_pillow import picture


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_imageio_reads_and_writes(mode, tmp_path):
    pixels = np.asarray(picture(mode))
    iio.imwrite(tmp_path / "a.vqi", pixels, quality=70)
    data = (tmp_path / "a.vqi").read_bytes()
    assert data == quantize.encode(pixels, quality=70)
    for source in (tmp_path / "a.vqi", data):
        assert np.array_equal(iio.imread(source), quantize.decode(data))
        assert iio.improps(source).shape == pixels.shape
        assert iio.immeta(source)["mode"] == mode
    assert iio.imwrite("<bytes>", pixels, plugin="pillow", extension=".vqi", quality=70) == data


def test_matplotlib_reads_and_writes(tmp_path):
    pyplot = pytest.importorskip("matplotlib.image", reason="needs matplotlib, of the dev extra")
    pixels = np.asarray(picture("RGBA"))
    pyplot.imsave(tmp_path / "a.vqi", pixels, pil_kwargs={"quality": 80})
    expected = quantize.decode(quantize.encode(pixels, quality=80))
    assert np.array_equal(pyplot.imread(tmp_path / "a.vqi"), expected)


def test_scikit_image_reads_and_writes(tmp_path):
    io = pytest.importorskip("skimage.io", reason="needs scikit-image, of the dev extra")
    pixels = np.asarray(picture("RGB"))
    io.imsave(tmp_path / "a.vqi", pixels)
    assert np.array_equal(io.imread(tmp_path / "a.vqi"), quantize.decode(quantize.encode(pixels)))


def test_the_description_for_desktops_is_that_of_the_files():
    tree = ElementTree.parse(ROOT / "docs" / "desktop" / "quantize.xml")
    space = {"m": "http://www.freedesktop.org/standards/shared-mime-info"}
    (described,) = tree.findall("m:mime-type", space)
    assert described.get("type") == quantize.pillow.MIME_TYPE
    assert described.find("m:glob", space).get("pattern") == "*" + quantize.pillow.ENDING
    magic = described.find("m:magic/m:match", space).get("value")
    assert magic.encode().decode("unicode_escape").encode("latin-1") == IMAGE_SIGNATURE
    desktop = (ROOT / "docs" / "desktop" / "quantize.desktop").read_text(encoding="utf-8")
    assert f"MimeType={quantize.pillow.MIME_TYPE};" in desktop.splitlines()


@pytest.mark.skipif(shutil.which("update-mime-database") is None, reason="needs update-mime-database")
def test_the_description_is_taken_by_the_desktops_database(tmp_path):
    folder = tmp_path / "mime"
    (folder / "packages").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "desktop" / "quantize.xml", folder / "packages")
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run(["update-mime-database", folder], check=True, env=environment)
    assert "50:image/x-vqi:*.vqi" in (folder / "globs2").read_text()
    assert IMAGE_SIGNATURE in (folder / "magic").read_bytes()


@pytest.mark.skipif(shutil.which("file") is None, reason="needs the command file")
def test_the_command_file_knows_files_by_the_magic_rule(tmp_path):
    (tmp_path / "a").write_bytes((GOLDEN / "levels-gray-alpha.vqi").read_bytes())
    magic = ROOT / "docs" / "desktop" / "vqi.magic"

    def tell(*options):
        return subprocess.run(
            ["file", "-m", magic, "--brief", *options, "a"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    with Image.open(tmp_path / "a") as image:
        width, height = image.size
    assert tell() == f"VQI image data, version 1, multi-resolution, {width} x {height}, gray and alpha"
    assert tell("--mime-type") == quantize.pillow.MIME_TYPE
