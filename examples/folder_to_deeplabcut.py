"""From a folder of recordings to a DeepLabCut project.

    python folder_to_deeplabcut.py RECORDINGS PROJECT

Chooses ten frames of every recording below the folder and puts them into one project, ready to be labelled in napari.
Run it again after you added recordings: what is done is skipped, and the new frames join the project.
"""

import argparse
from pathlib import Path

import keyframes


def main() -> None:
    """Choose the frames, and export them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("project", type=Path)
    parser.add_argument("--frames", type=int, default=10, help="frames of each recording")
    options = parser.parse_args()

    batch = keyframes.run_batch(options.recordings, options.frames, output="chosen-frames")
    for row in batch.with_status("failed"):
        print(f"{row['recording']}: {row['reason']}")

    done = [row for row in batch.rows if row["place"]]
    exported = keyframes.export(
        [batch.folder / row["place"] for row in done],
        "deeplabcut",
        project=options.project,
        videos=[options.recordings / row["recording"] for row in done],
        task="reach",
        scorer="anna",
        bodyparts=("nose", "left ear", "right ear", "tail base"),
        skeleton=(("nose", "left ear"), ("nose", "right ear")),
    )
    print(f"{exported.n_frames} frames of {len(done)} recordings in {exported.place}")


# A batch works in processes of its own, which import this file.
if __name__ == "__main__":
    main()
