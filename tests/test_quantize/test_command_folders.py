"""The command on folders: what is done, done again, kept and left alone."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_quantize.conftest import names, photo, visible


def test_a_folder_with_bad_images(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(photo(16, 16, number)).save(folder / f"{number:03d}.png")
    Image.fromarray(photo(100, 100)).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:1500])
    (folder / "text.png").write_text("no image")
    (folder / "empty.gif").write_bytes(b"")
    (folder / "notes.txt").write_text("passed by")
    done = command("in", "-o", "out", "--block", 2)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    for name in ("cut.jpg", "text.png", "empty.gif"):
        assert sum(name in line for line in errors) == 1
    assert visible(tmp_path / "out") == [f"{number:03d}.vqi" for number in range(20)]
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.vqi"))]
    (tmp_path / "out" / "007.vqi").unlink()
    again = command("in", "-o", "out", "--block", 2)
    assert "1 done, 19 done before, 3 failed" in again.stderr
    after = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.vqi"))]
    assert sum(a != b for a, b in zip(times, after, strict=True)) == 1


def test_equal_stems_do_not_collide(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(photo(16, 16)).save(folder / name)
    assert command("in", "-o", "out", "--block", 2).returncode == 0
    assert visible(tmp_path / "out") == ["a-bmp.vqi", "a-png.vqi", "b.vqi"]


@pytest.mark.parametrize("options", [["--block", 2], ["--block", 1], [], ["--block", 2, "--suffix=-x"]])
def test_a_result_keeps_its_name_whatever_images_come_or_go(options, command, tmp_path):
    folder, made = tmp_path / "in", {}
    folder.mkdir()

    def run(told):
        assert told in command("in", "-o", "out", *options).stderr
        found = visible(tmp_path / "out")
        assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in made}.items() >= made.items()
        made.update({name: (tmp_path / "out" / name).stat().st_mtime_ns for name in found})
        return [name.partition(".")[0].removesuffix("-quantized").removesuffix("-x") for name in found]

    Image.fromarray(photo(16, 16)).save(folder / "a.png")
    Image.fromarray(photo(16, 16)).save(folder / "b.png")
    assert run("2 done, 0 done before") == ["a", "b"]
    Image.fromarray(photo(16, 16)).save(folder / "a.bmp")
    assert run("1 done, 2 done before") == ["a-bmp", "a", "b"]
    (folder / "a.png").unlink()
    assert run("0 done, 2 done before") == ["a-bmp", "a", "b"]


def test_equal_names_in_two_folders_do_not_collide(command, tmp_path):
    for level, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        for name in ("a.png", "b.png"):
            Image.fromarray(photo(16, 16) // (1 + level)).save(tmp_path / folder / name)
    expected = {
        "a-png.vqi": "one/a.png",
        "a-png-2.vqi": "two/a.png",
        "b-png.vqi": "one/b.png",
        "b-png-2.vqi": "two/b.png",
    }
    assert "4 done, 0 done before" in command("one", "two", "-o", "out", "--block", 2).stderr
    assert visible(tmp_path / "out") == sorted(expected)
    assert "0 done, 4 done before" in command("one", "two", "-o", "out", "--block", 2).stderr
    for name, source in expected.items():
        assert command(source, "-o", f"single/{name}", "--block", 2).returncode == 0
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "single" / name).read_bytes()


def test_results_of_another_folder_are_not_replaced(command, tmp_path):
    for level, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        Image.fromarray(photo(16, 16) // (1 + level)).save(tmp_path / folder / "a.png")
    assert command("one", "-o", "out", "--block", 2).returncode == 0
    first = (tmp_path / "out" / "a.vqi").read_bytes()
    done = command("two", "-o", "out", "--block", 2)
    assert done.returncode == 1
    assert "already exists" in done.stderr
    assert (tmp_path / "out" / "a.vqi").read_bytes() == first
    # The same image from another place is the same.
    (tmp_path / "one").rename(tmp_path / "moved")
    assert command("moved", "-o", "out", "--block", 2).returncode == 0
    assert (tmp_path / "out" / "a.vqi").read_bytes() == first


def test_equal_names_of_single_images_do_not_collide(command, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "one" / "a.png")
    Image.fromarray(photo(16, 16)).save(tmp_path / "two" / "A.png")
    # The first one is named twice.
    assert command("one/a.png", "two/A.png", "one/a.png", "-o", "out", "--block", 2, "--force").returncode == 0
    assert visible(tmp_path / "out") == ["A-png-2.vqi", "a-png.vqi"]


def test_results_in_the_folder_that_is_searched_are_no_images_of_it(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    for _ in range(3):
        assert command("in", "in/a.png", "-o", "in/small", "--block", 1, "--suffix", "").returncode == 0
    assert [path.name for path in (tmp_path / "in" / "small").glob("**/*.png")] == ["a.png"]


@pytest.mark.parametrize("output", ["in", "in/small"])
@pytest.mark.parametrize("again", ["in", "in/inner", "."])
def test_earlier_results_are_no_images_whatever_suffix_they_have(output, again, command, tmp_path):
    (tmp_path / "in" / "inner").mkdir(parents=True)
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "inner" / "a.png")
    assert command("in", "-o", output, "--block", 1).returncode == 0
    # Somebody else's, though it has the name of a result.
    Image.fromarray(photo(16, 17)).save(tmp_path / "in" / "inner" / "b-quantized.png")
    done = command(again, "--block", 1, "--strip", "--suffix=-x", "--json")
    assert done.returncode == 0
    made = [entry["image"] for entry in json.loads(done.stdout)["results"]]
    assert sorted(Path(image).name for image in made) == ["a.png", "b-quantized.png"]


def test_a_folder_with_nothing_but_results_says_so(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    assert command("in", "-o", "out", "--block", 1, "--suffix=-x").returncode == 0
    done = command("out", "--block", 1)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "out: has only results of quantize" in done.stderr
    # It can still be asked for.
    assert command("out/a-x.png", "--block", 1, "--codewords", 2).returncode == 0


def test_results_behind_a_link_are_no_images(command, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "links").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    assert command("in", "-o", "out", "--block", 1, "--suffix=-x").returncode == 0
    (tmp_path / "links" / "one").symlink_to(tmp_path / "out", target_is_directory=True)
    assert "has only results of quantize" in command("links", "--block", 1).stderr


def test_foreign_lines_in_records_are_skipped(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    (tmp_path / ".quantize-records.jsonl").write_text('{}\nnull\n[1]\n"a"\n{"place": 3}\n', encoding="utf-8")
    assert command("in", "--block", 1).returncode == 0


def test_a_result_in_the_place_of_its_image_is_still_an_image(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    for colors in (16, 4):
        done = command("in", "--block", 1, "--suffix", "", "--force", "--codewords", colors)
        assert done.returncode == 0
        with Image.open(tmp_path / "in" / "a.png") as image:
            assert len(image.getcolors()) == colors


def test_results_may_go_to_a_folder_above_the_one_that_is_searched(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    for output in (".", "in"):
        assert command("in", "-o", output, "--profile", "block").returncode == 0
    assert [name for name in names(tmp_path) if name.endswith(".vqi")] == ["a.vqi", "in/a.vqi"]


def test_an_image_of_an_inner_folder_that_is_named_too_is_one(command, tmp_path):
    (tmp_path / "in" / "inner").mkdir(parents=True)
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "inner" / "a.png")
    done = command("in", "in/inner/a.png", "in/../in/inner", "-o", "out", "--profile", "block", "--json")
    assert done.returncode == 0
    assert visible(tmp_path / "out") == ["inner/a.vqi"]


def test_hidden_folders_and_the_trash_are_not_searched(command, tmp_path):
    for folder in ("", "b.c", ".Trash-1000/files", "$RECYCLE.BIN/S-1", "inner/#recycle", "@eaDir", "@Recycle"):
        (tmp_path / ".in" / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(16, 16)).save(tmp_path / ".in" / folder / "a.png")
    assert command(".in", "-o", "out", "--block", 2).returncode == 0
    assert visible(tmp_path / "out") == ["a.vqi", "b.c/a.vqi"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links")
def test_links_to_folders_are_followed_once_and_never_into_the_output(command, tmp_path):
    for folder in ("in/own", "elsewhere/.hidden", "out/inner"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(photo(16, 16)).save(tmp_path / folder / "a.png")
    Image.fromarray(photo(16, 16)).save(tmp_path / "elsewhere" / "b.png")
    links = {
        # To a folder that has its place already, twice to another one, back to where it lies, and into the output.
        "in/again": "own",
        "in/first": "../elsewhere",
        "in/own/second": "../../elsewhere",
        "in/own/loop": "..",
        "in/out": "../out",
        "in/inner": "../out/inner",
    }
    for link, target in links.items():
        (tmp_path / link).symlink_to(target, target_is_directory=True)
    assert "2 done, 0 done before" in command("in", "-o", "out", "--block", 2).stderr
    assert "0 done, 2 done before" in command("in", "-o", "out", "--block", 2).stderr
    assert visible(tmp_path / "out") == ["first/b.vqi", "inner/a.png", "own/a.vqi"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links")
def test_links_are_images_and_one_to_itself_is_an_error_of_one_line(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(16, 16)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to("a.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert command("in", "-o", "out", "--profile", "block").returncode == 0
    assert visible(tmp_path / "out") == ["a.vqi", "b.vqi"]
    done = command("loop.png", "-o", "loop.vqi")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "loop.png: cannot be read" in done.stderr


def test_a_folder_is_done_again_where_the_source_or_the_settings_changed(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(photo(24, 24)).save(folder / name)
    arguments = ("in", "-o", "out", "--block", 1)
    assert "2 done, 0 done before" in command(*arguments, "--codewords", 16).stderr
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    assert "0 done, 2 done before" in command(*arguments, "--codewords", 16).stderr
    Image.fromarray(255 - photo(24, 24)).save(folder / "b.png")
    assert "1 done, 1 done before" in command(*arguments, "--codewords", 16).stderr
    assert (tmp_path / "out" / "a-quantized.png").read_bytes() == first["a-quantized.png"]
    assert (tmp_path / "out" / "b-quantized.png").read_bytes() != first["b-quantized.png"]
    assert "2 done, 0 done before" in command(*arguments, "--codewords", 4).stderr
    assert len(Image.open(tmp_path / "out" / "a-quantized.png").getcolors()) <= 4


def test_a_result_of_another_kind_does_not_stay(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray((np.indices((20, 20)).sum(0) % 5 * 40).astype(np.uint8)).save(folder / "a.png")
    Image.fromarray((np.indices((20, 20)).sum(0) % 3 * 90).astype(np.uint8)).save(folder / "b.png")
    assert command("in", "-o", "out").returncode == 0
    assert visible(tmp_path / "out") == ["a-quantized.png", "b-quantized.png"]
    Image.fromarray(photo(90, 90)).save(folder / "a.png")
    assert command("in", "-o", "out").returncode == 0
    assert visible(tmp_path / "out") == ["a.vqi", "b-quantized.png"]


def test_a_report_stays_as_long_as_it_is_about_the_result(command, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(24, 24)).save(tmp_path / "in" / "a.png")
    arguments = ("in", "-o", "out", "--block", 1, "--codewords")
    both = ["a-quantized.png", "a-quantized.png-report.html"]
    for codewords, options, n_done, left in (
        (16, ["--report"], 1, both),
        (16, [], 0, both),
        (8, [], 1, both[:1]),
        (8, ["--report"], 1, both),
        (8, ["--report"], 0, both),
    ):
        assert command(*arguments, codewords, *options).stdout.count("a.png: palette") == n_done
        assert visible(tmp_path / "out") == left


def test_a_file_that_was_not_made_here_is_kept(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(photo(24, 24)).save(folder / "a.png")
    Image.fromarray(photo(24, 24, 1)).save(folder / "b.png")
    arguments = ("in", "-o", "out", "--block", 1, "--codewords")
    assert command(*arguments, 16).returncode == 0
    (tmp_path / "out" / "a-quantized.png").write_text("precious")
    done = command(*arguments, 8)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "out" / "a-quantized.png").read_text() == "precious"


def test_a_run_that_was_killed_goes_on(command, tmp_path):
    """Between the record and the file: the record alone is no result."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(photo(24, 24)).save(folder / "a.png")
    assert command("in", "-o", "out", "--block", 1).returncode == 0
    records = tmp_path / "out" / ".quantize-records.jsonl"
    records.write_bytes(records.read_bytes() + b'{"place": "b')
    (tmp_path / "out" / "a-quantized.png").unlink()
    assert command("in", "-o", "out", "--block", 1).returncode == 0
    assert command("in", "-o", "out", "--block", 1, "--json").returncode == 0
    assert visible(tmp_path / "out") == ["a-quantized.png"]


def test_a_record_that_was_cut_off_costs_no_other(command, tmp_path):
    """As on a full disk."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(photo(24, 24)).save(folder / name)
        assert command("in", "-o", "out", "--block", 1).returncode == 0
        with (tmp_path / "out" / ".quantize-records.jsonl").open("a", encoding="utf-8") as records:
            records.write('\n{"place": "c')
    done = command("in", "-o", "out", "--block", 1)
    assert (done.returncode, "0 done, 2 done before" in done.stderr) == (0, True)


def test_a_new_folder_for_one_image(command, picture, tmp_path):
    assert command("photo.png", "--block", 1, "-o", "new/").returncode == 0
    assert names(tmp_path) == ["new/photo-quantized.png", "photo.png"]


def test_a_name_as_long_as_names_can_be(command, picture, tmp_path):
    long = tmp_path / f"{'x' * 251}.png"
    picture.rename(long)
    assert command(long.name).returncode == 0
    assert names(tmp_path) == [long.name, long.with_suffix(".vqi").name]


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no line break in a name")
def test_a_name_that_a_terminal_would_obey_is_shown_in_one_line(command, picture, tmp_path):
    picture.rename(tmp_path / "two\nlines\x1b[2J.png")
    for arguments in (("two\nlines\x1b[2J.png",), ("--decode", "two\nlines\x1b[2J.vqi", "--force")):
        done = command(*arguments)
        assert done.returncode == 0
        assert done.stdout.count("\n") == 1
        assert done.stdout.startswith(r"two\nlines\x1b[2J.")


@pytest.mark.parametrize("arguments", [("{}.png",), ("photo.png", "-o", "{}.vqi"), ("photo.png", "-o", "{}/")])
def test_a_name_that_is_too_long(arguments, command, picture, tmp_path):
    done = command(*(argument.format("x" * 300) for argument in arguments))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "(File name too long)" in done.stderr
    assert names(tmp_path) == ["photo.png"]


def test_a_suffix_is_part_of_a_name(command, picture, tmp_path):
    done = command("photo.png", "--suffix", "/x")
    assert done.returncode == 2
    assert "--suffix is '/x'" in done.stderr
    assert command("photo.png", "--suffix", "-small").returncode == 0
    assert names(tmp_path) == ["photo-small.vqi", "photo.png"]
