"""Which recordings there are below a folder, and where their results go."""

import shutil

from PIL import Image

from keyframes.batch.recordings import assign_places, describe_left_out, find_recordings


def test_recordings_are_found_once_each(tmp_path):
    for name in ("a/one.mp4", "a/two.AVI", "b/three.mkv", "b/.hidden.mp4", "notes.txt", "elsewhere/four.mp4"):
        path = tmp_path / ("out" if name.startswith("elsewhere") else "in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder = tmp_path / "in"
    (folder / "a" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "linked").symlink_to(tmp_path / "out" / "elsewhere", target_is_directory=True)
    (folder / "again").symlink_to(tmp_path / "out" / "elsewhere", target_is_directory=True)
    (folder / "b" / "dangling.mp4").symlink_to(folder / "nowhere.mp4")
    everything = ["a/one.mp4", "a/two.AVI", "again/four.mp4", "b/dangling.mp4", "b/three.mkv"]
    assert find_recordings(folder) == (everything, {".txt": 1})
    assert find_recordings(folder, exclude=["b/*", "TWO*"]) == (["a/one.mp4", "again/four.mp4"], {".txt": 1})
    assert find_recordings(folder, include=["*.txt", "a/*.mp4"]) == (["a/one.mp4", "notes.txt"], {})


def test_hidden_folders_and_the_trash_are_not_searched(tmp_path):
    for place in ("a", ".Trash-1000/files", "a/.snapshot", "$RECYCLE.BIN", "a/#recycle", "@eaDir/x.mp4"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "old.mp4").touch()
    assert find_recordings(tmp_path) == (["a/old.mp4"], {})
    # Whoever names one means it.
    assert find_recordings(tmp_path, include=["*/.snapshot/*.mp4"])[0] == ["a/.snapshot/old.mp4"]
    assert find_recordings(tmp_path / ".Trash-1000")[0] == ["files/old.mp4"]


def test_copies_with_drawn_predictions_are_no_recordings(tmp_path):
    """As DeepLabCut names those that it makes of a video, if that is there."""
    own = ["DLC_labeled.mp4", "mouse.avi", "mouse2.mp4", "mouse2_labeled.mp4", "ratDLC_net_labeled.mp4"]
    scorer = "DLC_HrnetW32_reachNov20shuffle1_snapshot_200"
    drawn = [f"mouse{scorer}_p60_labeled.mp4", f"mouse{scorer}_el_filtered_id_labeled.mp4"]
    drawn += ["mouse2_superanimal_quadruped_hrnet_w32_labeled_after_adapt.mp4"]
    for name in own + drawn:
        (tmp_path / name).touch()
    assert find_recordings(tmp_path) == (own, {".mp4": 3})
    assert find_recordings(tmp_path, include=["*_p60_*"])[0] == drawn[:1]


def test_links_to_a_recording_that_is_there_are_not_another_one(tmp_path):
    """Such as those of a DeepLabCut project beside the recordings; the project alone has them as its recordings."""
    folder, videos = tmp_path / "in", tmp_path / "in" / "a-anna-2026-01-01" / "videos"
    videos.mkdir(parents=True)
    for place in (folder / "z.mp4", tmp_path / "far.mp4"):
        place.write_bytes(b"no video")
        for link in (videos / place.name, folder / f"again_{place.name}"):
            link.symlink_to(place)
    shutil.copy(folder / "z.mp4", videos / "copy.mp4")
    project = videos.relative_to(folder).as_posix()
    assert find_recordings(folder)[0] == [f"{project}/copy.mp4", f"{project}/far.mp4", "z.mp4"]
    assert find_recordings(folder, include=["again_z.mp4"])[0] == ["again_z.mp4"]
    assert find_recordings(videos)[0] == ["copy.mp4", "far.mp4", "z.mp4"]


def make_images(folder, *names, pages=1):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        image = Image.new("L", (32, 24))
        more = {"save_all": True, "append_images": [image] * (pages - 1)} if pages > 1 else {}
        image.save(folder / name, **more)


def test_copies_in_a_project_are_no_further_recordings(tmp_path):
    """Such as those that an export with --copy-videos makes; what only the project has is a recording."""
    project = tmp_path / "dlc"
    for place in (project / "videos", project / "labeled-data", tmp_path / "other" / "videos"):
        place.mkdir(parents=True)
    for name, content in (
        ("a.mp4", "one"),
        ("dlc/videos/a.mp4", "one"),
        ("dlc/videos/b.mp4", "two"),
        ("dlc/videos/c.mp4", "three"),
        ("other/videos/a.mp4", "one"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert find_recordings(tmp_path)[0] == ["a.mp4", "dlc/videos/b.mp4", "dlc/videos/c.mp4", "other/videos/a.mp4"]
    assert find_recordings(tmp_path, include=["dlc/*"])[0] == [f"dlc/videos/{name}.mp4" for name in "abc"]


def test_images_are_recordings_where_they_make_one(tmp_path):
    numbered = [f"img{number:03d}.png" for number in range(4)]
    make_images(tmp_path / "frames", *numbered)
    make_images(tmp_path / "dated" / "deep", "2024-01-01 12.00.01.jpg", "2024-01-01 12.00.02.JPG", "other.jpg")
    # A preview beside videos, photographs of the setup, a single image.
    make_images(tmp_path / "videos", "thumbnail1.jpg", "thumbnail2.jpg")
    (tmp_path / "videos" / "a.mp4").touch()
    make_images(tmp_path / "setup", "camera.png", "cage.png", "room.png", "single.tif")
    # Stacks are recordings each, pages in files of their own are one together.
    make_images(tmp_path / "stacks", "day1.tif", "day2.tif", pages=3)
    make_images(tmp_path / "mixed", "one stack.tiff", pages=3)
    make_images(tmp_path / "mixed", "overview.tif")
    make_images(tmp_path / "pages", "t1.tif", "t2.tif", "t3.tif")
    # What this package wrote, finished or not, holds no recordings, nor counts.
    for name in ("out/x-keyframes/frames", "out/.x-keyframes.partial-1-ab/frames"):
        make_images(tmp_path / name, *numbered)
    make_images(tmp_path / "project" / "labeled-data" / "mouse", *numbered)
    make_images(tmp_path / "x-coco" / "images" / "mouse", *numbered)
    for name in (
        "out/x-keyframes/manifest.json",
        "x-coco/annotations.json",
        "out/batch-state/a.json",
        "out/index.html",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    recordings = [
        *("dated/deep", "frames", "mixed/one stack.tiff", "pages"),
        *("stacks/day1.tif", "stacks/day2.tif", "videos/a.mp4"),
    ]
    found = find_recordings(tmp_path)
    assert found == (recordings, {".png": 3, ".jpg": 2, ".tif": 2, ".json": 1})
    assert list(found[1]) == [".png", ".jpg", ".tif", ".json"]
    assert find_recordings(tmp_path / "frames")[0] == ["."]
    assert find_recordings(tmp_path, exclude=["pages", "stacks/*", "DATED/*", "*.mp4"])[0] == [
        *("frames", "mixed/one stack.tiff"),
    ]
    # Patterns name folders or what is in them, and bring in any file.
    assert find_recordings(tmp_path, include=["frames", "*.tif"])[0] == [
        *("frames", "mixed/overview.tif", "pages", "setup/single.tif", "stacks/day1.tif", "stacks/day2.tif"),
    ]
    assert find_recordings(tmp_path, include=["setup/*.png"])[0] == [
        *("setup/cage.png", "setup/camera.png", "setup/room.png"),
    ]


def test_what_was_left_out_is_told_in_a_line():
    assert describe_left_out({".txt": 1}) == "left out: 1 file (.txt 1)"
    assert describe_left_out({".csv": 8, "": 3}) == "left out: 11 files (.csv 8, no extension 3)"
    many = {f".{number}": 1 for number in range(10)}
    assert describe_left_out(many).endswith(".7 1, others 2)")


def test_no_two_places_are_alike_or_inside_one_another():
    recordings = ["a.mp4", "a.avi", "A.mkv", "b/a.mp4", "c.mp4", "c-keyframes/d.mp4"]
    places = assign_places(recordings, {"a.mp4": "a-keyframes"}, "searched")
    assert places["a.mp4"] == "a-keyframes"
    assert places["b/a.mp4"] == "b/a-keyframes"
    assert len({place.casefold() for place in places.values()}) == len(recordings)
    for place in places.values():
        assert not any(other != place and other.startswith(f"{place}/") for other in places.values())
    # Whatever comes beside them, places stay.
    assert assign_places([*recordings, "a.mov"], places, "searched").items() >= places.items()
    assert assign_places(["."], {}, "searched") == {".": "searched-keyframes"}
