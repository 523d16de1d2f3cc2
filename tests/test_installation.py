"""What an installation has besides the code: machine code, so that a first photograph does not wait for compilation."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

MACHINE_CODE = (".nbi", ".nbc")
PHOTO = str(ROOT / "sample_data" / "photo.png")


def run(folder, *arguments, **environment):
    """Run Python in a folder, with what is there before all that is installed."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = {**others, "PYTHONPATH": str(folder), **environment}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pip(*arguments, **environment):
    """Run pip, which is to build with what the tests' own environment has."""
    pytest.importorskip("hatchling", reason="needs hatchling, of the dev extra")
    run(ROOT, "-m", "pip", *arguments, "--quiet", "--no-deps", "--no-build-isolation", str(ROOT), **environment)


def machine_code(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in MACHINE_CODE}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installation")
    # Where Numba keeps what it compiles for others does not matter.
    pip("install", "--target", str(folder), NUMBA_CACHE_DIR=str(tmp_path_factory.mktemp("elsewhere")))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("-o", "photo.vqi"), ("-o", "psnr.vqi", "--psnr", "35"), ("-o", "palette.png", "--dither")]
)
def test_an_installation_has_nothing_to_compile(installation, options):
    before = machine_code(installation)
    run(installation, "-m", "quantize", PHOTO, *options)
    if options[1].endswith(".vqi"):
        run(installation, "-m", "quantize", "--decode", options[1], "-o", f"{options[1]}.png")
    assert before
    assert machine_code(installation) == before


@pytest.mark.slow
def test_machine_code_is_found_where_it_cannot_be_written(installation, tmp_path):
    run(installation, "-m", "quantize", PHOTO, "-o", str(tmp_path / "photo.vqi"), NUMBA_CACHE_DIR=str(tmp_path))
    assert not machine_code(tmp_path)


@pytest.mark.slow
def test_a_wheel_without_the_build_hook_is_for_all_systems(tmp_path):
    pip("wheel", "--wheel-dir", str(tmp_path), HATCH_BUILD_NO_HOOKS="true")
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(MACHINE_CODE)]
