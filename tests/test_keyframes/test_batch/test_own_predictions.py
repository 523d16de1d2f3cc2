"""What of a recording's predictions decides whether its result is the one that is wanted."""

import pickle
import shutil

import numpy as np
import pytest

from keyframes.batch import run_batch
from keyframes.batch.own_files import coreset_file, deciding
from keyframes.batch.tasks import Budget, Task
from keyframes.settings import Settings

TABLE = "mouseDLC_net.csv"
FILES = (
    "mouseDLC_net_meta.pickle",
    "mouseDLC_net_temporal_norm.csv",
    "mouseDLC_net_pca_singleview_error.csv",
    "mouseDLC_net_pca_multiview_error.csv",
)


def write_table(path):
    points = np.random.default_rng(3).uniform(5, 50, (40, 2, 2))
    parts, values = ["nose"] * 3 + ["tail"] * 3, ["x", "y", "likelihood"] * 2
    rows = [("scorer", *["net"] * 6), ("bodyparts", *parts), ("coords", *values)]
    rows += [(frame, *np.insert(points[frame], 2, 0.9, axis=1).ravel().round(2)) for frame in range(40)]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")


def task_of(folder, predictions):
    settings = Settings(4, predictions=predictions)
    return Task("mouse.mp4", folder / "mouse.mp4", folder, "mouse-keyframes", settings, budget=Budget(4, 1, 1))


@pytest.mark.parametrize("name", FILES)
def test_files_beside_a_table_count_by_their_content(name, tmp_path):
    write_table(tmp_path / TABLE)
    task = task_of(tmp_path, tmp_path / TABLE)
    alone = deciding(task)
    assert alone == task.settings.as_dict()
    kept = [coreset_file(task, {})]
    for content in (b"1", b"2"):
        (tmp_path / name).write_bytes(content)
        assert deciding(task) != alone
        kept.append(coreset_file(task, {}))
    assert len(set(kept)) == 3
    (tmp_path / name).unlink()
    assert deciding(task) == alone


def test_the_unfiltered_table_counts_where_it_is_read(tmp_path):
    write_table(tmp_path / TABLE)
    filtered = tmp_path / "mouseDLC_net_filtered.csv"
    shutil.copy(tmp_path / TABLE, filtered)
    before = deciding(task_of(tmp_path, filtered))
    (tmp_path / TABLE).write_text("", encoding="utf-8")
    assert deciding(task_of(tmp_path, filtered)) != before


@pytest.mark.slow
def test_another_crop_of_the_network_is_another_choice(clips, tmp_path):
    shutil.copy(clips[0], tmp_path / "mouse.mp4")
    write_table(tmp_path / TABLE)

    def status():
        done = run_batch(tmp_path, 3, output=tmp_path / "out", predictions=tmp_path, jobs=1)
        return [row["status"] for row in done.rows]

    assert [status(), status()] == [["done"], ["skipped"]]
    for left in (5, 6):
        noted = {"cropping": True, "cropping_parameters": [left, 70, 0, 55]}
        (tmp_path / FILES[0]).write_bytes(pickle.dumps({"data": noted}))
        assert [status(), status()] == [["done"], ["skipped"]]


@pytest.mark.parametrize(
    "command", [("batch", "recordings", "-o", "out"), ("extract", "recordings/mouse.mp4", "-o", "out/mouse-keyframes")]
)
def test_a_new_export_with_predictions_needs_no_body_parts(command, clips, tmp_path, run_command):
    (tmp_path / "recordings").mkdir()
    shutil.copy(clips[0], tmp_path / "recordings" / "mouse.mp4")
    write_table(tmp_path / TABLE)
    options = ("--predictions", TABLE, "--prelabel", "--export", "lightning-pose")
    done = run_command("keyframes", *command, "-k", 4, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    project = (tmp_path / "out" / "mouse-lightning-pose" / "project.yaml").read_text(encoding="utf-8")
    assert "- nose\n- tail\n" in project
