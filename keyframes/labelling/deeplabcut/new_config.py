"""The config.yaml of a new DeepLabCut project, with the defaults of DeepLabCut."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from keyframes.export_options import ExportOptions
from keyframes.labelling.project_file import listed, pairs_listed, quoted

# Whatever the language of the machine.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CONFIG = """\
# Project definitions (do not edit)
Task: {task}
scorer: {scorer}
date: {date}
multianimalproject: {several}
identity: false

# Project path (change when moving around)
project_path: {project_path}

# Annotation data set configuration (and individual video cropping parameters)
video_sets:
{video_sets}
{names}

# Fraction of video to start/stop when extracting frames for labeling/refinement
start: 0
stop: 1
numframes2pick: 20

# Plotting configuration
{skeleton}
skeleton_color: black
pcutoff: 0.6
dotsize: 12
alphavalue: 0.7
colormap: rainbow

# Training,Evaluation and Analysis configuration
TrainingFraction:
- 0.95
iteration: 0
default_net_type: resnet_50
{training}
snapshotindex: -1
batch_size: 8

# Cropping Parameters (for analysis and outlier frame detection)
cropping: false
x1: 0
x2: 640
y1: 277
y2: 624

# Refinement configuration (parameters from annotation dataset configuration also relevant in this stage)
corner2move2:
- 50
- 50
move2corner: true
"""


def new_config(options: ExportOptions, root: Path, videos: Mapping[str, str], today: date) -> str:
    """Return the text of config.yaml, with the crop of each video; with individuals, of a multi-animal project."""
    several = bool(options.individuals)
    names = [listed("bodyparts", options.bodyparts)]
    training = "default_augmenter: default"
    if several:
        lists = {"individuals": options.individuals, "multianimalbodyparts": options.bodyparts, "uniquebodyparts": ()}
        names = [*(listed(key, values) for key, values in lists.items()), "bodyparts: MULTI!"]
        training = "default_augmenter: albumentations\ndefault_track_method: ellipse"
    return CONFIG.format(
        task=quoted(options.task),
        scorer=quoted(options.scorer),
        date=f"{MONTHS[today.month - 1]}{today.day}",
        several="true" if several else "false",
        project_path=quoted(str(root)),
        video_sets="\n".join(f"  {quoted(video)}:\n    crop: {crop}" for video, crop in videos.items()),
        names="\n".join(names),
        skeleton=pairs_listed("skeleton", options.skeleton),
        training=training,
    )
