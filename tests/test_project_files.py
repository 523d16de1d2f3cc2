"""What surrounds the code says the same as the code."""

import ast
import os
import re
import sys

import pytest
from ruamel.yaml import YAML

import keyframes
import quantize
from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def read_yaml(name):
    return YAML(typ="safe", pure=True).load(text_of(name))


@pytest.fixture
def project():
    return tomllib.loads(text_of("pyproject.toml"))["project"]


def test_the_version_is_the_same_everywhere():
    assert str(read_yaml("CITATION.cff")["version"]) == keyframes.__version__ == quantize.__version__
    assert f"\n## [{keyframes.__version__}]" in text_of("CHANGELOG.md")


def test_the_citation_names_the_licence_and_authors_of_the_package(project):
    citation = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert citation["license"] == "BSD-3-Clause"
    assert text_of("LICENSE").startswith("BSD 3-Clause License")


def test_every_link_of_the_pages_beside_the_documentation_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))]
    broken = [f"{page.name}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()]
    assert links
    assert broken == []


def test_the_changelog_is_in_order():
    sections = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert sections[0] == "Unreleased"
    versions = [tuple(map(int, section.split("."))) for section in sections[1:]]
    assert versions == sorted(versions, reverse=True)


def test_every_python_of_the_metadata_is_tested(project):
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text) for text in project["classifiers"]]
    pythons = [match[1] for match in found if match]
    workflow = read_yaml(".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    nox = next(node for node in ast.parse(text_of("noxfile.py")).body if isinstance(node, ast.Assign))
    assert pythons == workflow["python"] == [python for python, _ in ast.literal_eval(nox.value)]
    assert project["requires-python"] == f">={pythons[0]}"
    assert len(workflow["os"]) == 3


def test_the_workflow_calls_what_ci_calls():
    jobs = read_yaml(".github/workflows/ci.yml")["jobs"].values()
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    for script in (command.split()[0] for command in commands if command.startswith(".ci/")):
        assert os.access(ROOT / script, os.X_OK), script
    # Those of the README, which .ci/run takes from there, in the environment that the workflow has.
    readme = text_of("README.md").replace(".venv/bin/", "")
    assert all(command in readme for command in commands if not command.startswith((".ci/", "keyframes doctor")))


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_the_forms_ask_for_something(name):
    form = read_yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    assert all(field["attributes"]["label"] for field in form["body"])
