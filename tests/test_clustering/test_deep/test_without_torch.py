"""Where PyTorch is not installed, asking for what needs it says what to install, and nothing else changes."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import clustering, clustering.deep
from clustering import ClusteringError
try:
    clustering.deep.{name}
except ClusteringError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["DEC", "AutoencoderFeatures", "load_checkpoint"])
def test_it_says_what_to_install(name):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(name=name)], capture_output=True, text=True, check=True)
    assert done.stdout == f"clustering.deep.{name} needs PyTorch: pip install '.[encoder]' in the repository\n"


def test_importing_the_package_does_not_load_torch():
    program = "import clustering.deep, sys; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
