"""The examples of the docstrings run and give what they say."""

import dataclasses
import doctest
import importlib
import inspect
import re

import pytest

import keyframes
import quantize
from tests.conftest import ROOT


def modules_with_examples():
    for package in ("clustering", "keyframes", "quantize"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("settings", [keyframes.Settings, quantize.Settings])
def test_every_setting_is_described(settings):
    """In order, as numpydoc has it."""
    attributes = inspect.getdoc(settings).partition("Attributes\n---")[2].partition("\n\n")[0]
    described = re.findall(r"^(\w[\w, ]*) : ", attributes, re.MULTILINE)
    assert [name for names in described for name in names.split(", ")] == [f.name for f in dataclasses.fields(settings)]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name, tmp_path, monkeypatch):
    if name.startswith("clustering.deep."):
        pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    # They are written for someone who stands in a clone, and write into the working folder.
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0
    assert done.failed == 0
