"""Damage at random places is read over or is one clear line, whatever the file."""

import os
import pickle
import random

import numpy as np
import pytest

from keyframes import PredictionsError, VideoReader, read_predictions
from tests.test_keyframes.test_predictions import test_deeplabcut as deeplabcut

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
pytestmark = pytest.mark.slow
N_PLACES = int(os.environ.get("KEYFRAMES_FUZZ_PLACES", 20))
SEED = int(os.environ.get("KEYFRAMES_FUZZ_SEED", random.SystemRandom().randrange(2**32)))


@pytest.fixture
def files(video, poses):
    """Files of all formats: what is damaged, and what is read then."""
    points = poses(2, missing=0)
    skeleton = sio.Skeleton(["nose", "ear", "tail"])
    tracks = [sio.Track("a"), sio.Track("b")]
    recorded = sio.Video(str(video), open_backend=False)
    labels = sio.Labels(
        [
            sio.LabeledFrame(
                video=recorded,
                frame_idx=frame,
                instances=[
                    sio.PredictedInstance.from_numpy(animal[:, :2], skeleton, animal[:, 2], 0.5, track=track)
                    for animal, track in zip(animals, tracks, strict=True)
                ],
            )
            for frame, animals in enumerate(points)
        ]
    )
    folder = video.parent
    labels.save(str(folder / "a.slp"))
    sio.save_analysis_h5(labels, str(folder / "a.h5"))
    sio.save_csv(labels, str(folder / "a.csv"), format="sleap")
    own = [folder / name for name in ("a.slp", "a.h5", "a.csv")]
    table = deeplabcut.write(points, folder / "mouseDLC_table.h5")
    fixed = deeplabcut.write(points, folder / "mouseDLC_fixed.h5", format="fixed")
    text = deeplabcut.write(points, folder / "mouseDLC_text.csv")
    note = folder / "mouseDLC_noted_meta.pickle"
    note.write_bytes(pickle.dumps(deeplabcut.meta(True, [np.int64(1), 100, 2, 100])))
    noted = deeplabcut.write(points * (0.5, 0.5, 1), folder / "mouseDLC_noted.h5")
    return [*((path, path) for path in (*own, table, fixed, text)), (note, noted)]


def test_damage_is_one_line_or_nothing(files, video):
    chance = random.Random(SEED)
    refused = []
    with VideoReader(video) as reader:
        for damaged, read in files:
            read_predictions(read, reader)
            whole = damaged.read_bytes()
            for _ in range(N_PLACES):
                damaged.write_bytes(with_damage(whole, chance))
                said = complaint(read, reader)
                refused += [said] if said else []
            damaged.write_bytes(whole)
    assert refused
    for said in refused:
        assert "\n" not in said, SEED
        assert str(video.parent) in said, SEED


def complaint(path, reader):
    """What is said of a file; "" where it is read."""
    try:
        read_predictions(path, reader)
    except PredictionsError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{path.name}, KEYFRAMES_FUZZ_SEED={SEED}") from error
    return ""


def with_damage(whole, chance):
    """Some bytes changed, a stretch overwritten, or the end cut off."""
    changed = bytearray(whole)
    kind = chance.randrange(3)
    if kind == 0:
        return bytes(changed[: chance.randrange(len(changed))])
    start, length = chance.randrange(len(changed)), chance.choice([1, 4, 500])
    changed[start : start + length] = chance.randbytes(min(length, len(changed) - start))
    return bytes(changed)
