"""The options that several commands share, each declared once.

A command that has a `Group` among its parameters, and is `grouped`, takes its options as its own.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast, get_args, get_type_hints

import typer

from keyframes.commands.parsing import (
    parse_crop,
    parse_k,
    parse_numbers,
    parse_scan,
    parse_size,
    parse_time,
    parse_tool,
    read_names,
    read_skeleton,
)
from keyframes.export_options import ExportOptions, ExportTool
from keyframes.settings import MAX_AUTO_K, ImageFormat, Options, Settings

# The panels of --help; what has none is in the first one.
look = functools.partial(typer.Option, rich_help_panel="What to look at")
compare = functools.partial(typer.Option, rich_help_panel="How to compare and choose")
predict = functools.partial(typer.Option, rich_help_panel="Predictions")
guard = functools.partial(typer.Option, rich_help_panel="Guards")
tool = functools.partial(typer.Option, rich_help_panel="Export to a labelling tool")
run_panel = functools.partial(typer.Option, rich_help_panel="How to run")
output = functools.partial(typer.Option, rich_help_panel="Output")

# Typer knows no "int or a word": the parser alone says what comes out.
K = Annotated[
    Any,
    typer.Option(
        "-k",
        parser=parse_k,
        metavar="N|auto",
        help="Number of frames to choose from each recording; auto finds the number, "
        f"2 to {MAX_AUTO_K}, beyond which more frames add little, and draws k_curve.png.",
    ),
]
Views = Annotated[
    bool,
    look(
        "--views",
        help="The recordings show one scene, frame by frame, from several cameras: choose the same frames from each.",
    ),
]
Unlike = Annotated[
    list[Path] | None,
    compare(
        metavar="PROJECT",
        help="Choose frames that differ from those labelled or chosen in PROJECT, for this recording or others from "
        "the same camera. PROJECT is a DeepLabCut or Lightning Pose folder, a .slp, or an earlier result. Repeatable.",
    ),
]
Export = Annotated[
    # Typer knows no list of a choice of words.
    list[Any] | None,
    tool(
        "--export",
        parser=parse_tool,
        metavar="TOOL",
        help=f"Also export the frames to this tool: {', '.join(get_args(ExportTool))}. Repeatable.",
    ),
]
Prelabel = Annotated[
    bool,
    tool(
        "--prelabel",
        help="With --predictions and --export: export the predicted points too, as labels to correct.",
    ),
]
Format = Annotated[ImageFormat, output(metavar="png|jpg", help="File format of the exported images.")]
Overwrite = Annotated[bool, output("--overwrite", help="Replace an earlier result.")]
Threads = Annotated[
    int | None,
    output(min=1, metavar="N", help="Number of threads; the result is the same with any. Default: all processors."),
]
Quiet = Annotated[bool, output("--quiet", "-q", help="Show no progress bars.")]
AsJson = Annotated[bool, output("--json", help="Print one JSON document instead of text.")]


class Group(dict[str, Any]):
    """What was given for some options, by the fields of `target`, which have their types and defaults.

    What a parser reads is None where it is not given.
    """

    target: ClassVar[type]
    options: ClassVar[dict[str, Any]]

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """Return the options as parameters of a command."""
        hints = get_type_hints(cls.target)
        return [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if option.parser else getattr(cls.target, name),
                annotation=Annotated[Any if option.parser else hints[name], option],
            )
            for name, option in cls.options.items()
        ]


class SettingsOptions(Group):
    """The options that become `Settings`; the format is an option of its own."""

    target = Settings
    options: ClassVar = {
        "start_s": typer.Option(
            "--start",
            parser=parse_time,
            metavar="T",
            help="Start at this time: seconds or [HH:]MM:SS. Default: the beginning.",
        ),
        "stop_s": typer.Option(
            "--stop", parser=parse_time, metavar="T", help="Stop before this time. Default: the end."
        ),
        "crop": typer.Option(
            parser=parse_crop,
            metavar="X,Y,W,H",
            help="Compare only this part of the picture, in pixels; exported images are not cropped.",
        ),
        "every": look(min=1, metavar="N", help="Look at every N-th frame."),
        "scan": look(
            parser=parse_scan,
            metavar="auto|exact|sparse",
            help="exact: look at every frame. sparse: look at frames throughout the recording, and at more of them "
            "where there is a lot of movement; much faster. auto (default): sparse for 50,000 frames or more. Exported "
            "images are always exact.",
        ),
        "levels": look(
            parser=parse_numbers,
            metavar="LOW,HIGH",
            help="For images: the intensities to show as black and as white. Default: 8-bit images stay as they are; "
            "for others, the range used in the whole recording.",
        ),
        "rate": look(
            metavar="HZ",
            help="For images: the number of images per second. Without it, images have no times and --min-gap has no "
            "effect.",
        ),
        "features": compare(
            metavar="WHAT",
            help="Compare frames by: auto, where the animals are and their postures; pca, principal components of "
            "thumbnails; pixels, the thumbnails themselves; encoder, a network that is trained on this recording "
            "(needs PyTorch) or given with --encoder.",
        ),
        "algorithm": compare(
            metavar="HOW",
            help="How to choose. auto: the frames that best represent all the others; kmeans, minibatch, centnn "
            "(centroid neural network): the frames nearest to the centres of clusters; dec: the same, with clusters "
            "that are learned together with --features encoder.",
        ),
        "width": compare(min=4, metavar="PX", help="Width of the thumbnails to compare."),
        "color": compare("--color", help="Compare in colour instead of gray."),
        "encoder": compare(
            metavar="FILE.onnx", help="Compare frames by this pretrained network; implies --features encoder."
        ),
        "encoder_minutes": compare(
            min=0.01,
            metavar="M",
            help="Amount of training, in minutes on two slow cores: a fixed amount, not a time limit.",
        ),
        "input_size": compare(
            parser=parse_size, metavar="W,H", help="Size of the images that --encoder expects. Default: 224,224."
        ),
        "mean": compare(
            parser=parse_numbers,
            metavar="R,G,B",
            help="Mean to subtract before --encoder, where white is 1; one number for a gray input. Default: 0,0,0.",
        ),
        "std": compare(
            parser=parse_numbers,
            metavar="R,G,B",
            help="Standard deviation to divide by before --encoder. Default: 1,1,1.",
        ),
        "uniform": compare(
            "--uniform", help="Take evenly spaced frames, whatever they show: a baseline to compare with."
        ),
        "predictions": predict(
            metavar="FILE|DIR",
            help="Choose by what a network predicted on the video: a DeepLabCut, SLEAP or Lightning Pose file, a plain "
            "table, or the folder that holds it.",
        ),
        "doubt": predict(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of the frames to choose where the predictions are doubtful; the others cover the poses.",
        ),
        "keypoints": predict(
            parser=read_names,
            metavar="A,B",
            help="Keypoints to consider; quote a name that contains a comma. Default: all.",
        ),
        "predictions_offset": predict(
            parser=parse_numbers,
            metavar="X,Y",
            help="Upper left corner, in pixels, of the crop that the network saw. Default: what DeepLabCut recorded.",
        ),
        "seed": compare(min=0, max=2**32 - 1, metavar="N", help="Random seed for clustering and networks."),
        "min_gap_s": guard(
            "--min-gap",
            min=0,
            metavar="SECONDS",
            help="Minimum time between two chosen frames, where possible; 0 disables it. Images need --rate. "
            "Default: 0.1, and only while nothing moves.",
        ),
        "allow_similar": guard("--allow-similar", help="Allow frames that look like another chosen frame."),
        "allow_dark": guard("--allow-dark", help="Allow frames that are much darker than most."),
        "allow_blurred": guard("--allow-blurred", help="Allow blurred frames, and do not prefer sharper ones."),
    }

    def given(self, format: ImageFormat) -> Options:
        """Return the settings; a network that is named is used."""
        mean, std = self["mean"], self["std"]
        scan = self["scan"] or Settings.scan
        options = {**self, "start_s": self["start_s"] or 0.0, "scan": scan, "format": format}
        if self["encoder"] is not None:
            options["features"] = "encoder"
        # Without a network, an error names the one of the two that was given.
        n_channels = len((self["encoder"] and (mean or std)) or Settings.mean)
        options["mean"] = mean or (0.0,) * n_channels
        options["std"] = std or (1.0,) * n_channels
        options["keypoints"] = self["keypoints"] or ()
        return cast(Options, options)


def option_of(setting: str) -> str:
    """Return the option of a setting; units are part of the names in Python alone."""
    return f"{'-' if len(setting) == 1 else '--'}{setting.removesuffix('_s').replace('_', '-')}"


class ProjectOptions(Group):
    """The options that become `ExportOptions`."""

    target = ExportOptions
    options: ClassVar = {
        "project": tool(
            metavar="PATH",
            help="Add to this project: a DeepLabCut or Lightning Pose folder, or a .slp, which is copied. A folder "
            "that does not exist becomes a new project; give --bodyparts too, and for DeepLabCut --task and --scorer.",
        ),
        "task": tool(metavar="NAME", help="Task of a new DeepLabCut project."),
        "scorer": tool(metavar="NAME", help="Name of the person who labels, for a new project."),
        "bodyparts": tool(parser=read_names, metavar="A,B", help="Keypoints of a new project."),
        "individuals": tool(
            parser=read_names,
            metavar="A,B",
            help="Names of the animals: a new DeepLabCut project becomes multi-animal; SLEAP gets tracks.",
        ),
        "skeleton": tool(
            parser=str,
            metavar="A-B,...",
            help="Pairs of --bodyparts to connect with a line, such as nose-tail,tail-paw.",
        ),
        "copy_videos": tool(
            "--copy-videos",
            help="Copy the videos into a DeepLabCut or Lightning Pose project instead of linking to them.",
        ),
    }

    def given(self) -> ExportOptions:
        """Return them as an export takes them."""
        bodyparts = self["bodyparts"] or ()
        skeleton = read_skeleton(self["skeleton"] or "", bodyparts)
        individuals = self["individuals"] or ()
        return ExportOptions(**{**self, "bodyparts": bodyparts, "individuals": individuals, "skeleton": skeleton})


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the options of the groups among its parameters as its own."""
    own = inspect.signature(command)
    groups: dict[str, type[Group]] = {
        name: one.annotation
        for name, one in own.parameters.items()
        if isinstance(one.annotation, type) and issubclass(one.annotation, Group)
    }

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group({option: given.pop(option) for option in group.options})
        command(**given)

    parameters = [
        inner.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in own.parameters.items()
        for inner in (groups[name].parameters() if name in groups else [one])
    ]
    # What Typer reads; the type of a function does not list it.
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run
