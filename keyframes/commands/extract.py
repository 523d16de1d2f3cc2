"""The command ``keyframes extract``."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from keyframes.commands.export import export_results
from keyframes.commands.options import (
    AsJson,
    Bodyparts,
    CopyVideos,
    Individuals,
    Project,
    Quiet,
    Scorer,
    Skeleton,
    Task,
    Threads,
    errors_told,
    export_options,
    parse_channels,
    parse_crop,
    parse_k,
    parse_levels,
    parse_rate,
    parse_size,
    parse_time,
    parse_tool,
    print_json,
    printable,
    say,
)
from keyframes.settings import MAX_AUTO_K, Algorithm, Crop, ExportTool, FeatureKind, ImageFormat, ScanKind


def extract(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO", help="One or more video files, folders of images, or TIFFs.")
    ],
    # Typer knows no "int or a word": the parser alone says what comes out.
    k: Annotated[
        Any,
        typer.Option(
            "-k",
            parser=parse_k,
            metavar="N|auto",
            help="Number of frames to choose from each video; auto finds the number, "
            f"2 to {MAX_AUTO_K}, beyond which more of them add little, and shows it in k_curve.png.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Result folder; of several videos, the folder of their results. Default: <video name>-keyframes here.",
        ),
    ] = None,
    features: Annotated[
        FeatureKind,
        typer.Option(
            help="What stands for a frame: places and postures of the animals, principal components of its thumbnail, "
            "the thumbnail's pixels, or what a network makes of it, which is trained on this recording (needs PyTorch) "
            "or is that of --encoder."
        ),
    ] = "auto",
    algorithm: Annotated[
        Algorithm,
        typer.Option(
            help="How frames are chosen. auto: those that represent all the others; kmeans, minibatch, centnn "
            "(centroid neural network): the members nearest to the centres of clusters; dec: the same, with clusters "
            "learned together with --features encoder."
        ),
    ] = "auto",
    encoder: Annotated[
        Path | None,
        typer.Option(metavar="FILE.onnx", help="Compare frames by this pretrained network (--features encoder)."),
    ] = None,
    encoder_minutes: Annotated[
        float,
        typer.Option(
            min=0.01, metavar="M", help="Train a network for about so long on two slow cores; a fixed amount of work."
        ),
    ] = 3.0,
    input_size: Annotated[
        Any,
        typer.Option(parser=parse_size, metavar="W,H", help="Size of the input of --encoder. Default: 224,224."),
    ] = None,
    mean: Annotated[
        Any,
        typer.Option(
            parser=parse_channels,
            metavar="R,G,B",
            help="What --encoder wants subtracted, white being 1; one number: it wants gray. Default: 0,0,0.",
        ),
    ] = None,
    std: Annotated[
        Any,
        typer.Option(parser=parse_channels, metavar="R,G,B", help="What it wants divided by. Default: 1,1,1."),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(parser=parse_time, metavar="T", help="Look from this time on: seconds or [HH:]MM:SS."),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(parser=parse_time, metavar="T", help="Look at frames before this time. Default: the end."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Look at every N-th frame.")] = 1,
    crop: Annotated[
        Crop | None,
        typer.Option(
            parser=parse_crop,
            metavar="X,Y,W,H",
            help="Look at this part of the picture, in pixels; the exported images are whole. Default: all.",
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=4, metavar="PX", help="Width of the thumbnails that are compared.")] = 64,
    color: Annotated[bool, typer.Option("--color", help="Compare in colour instead of gray.")] = False,
    scan: Annotated[
        ScanKind,
        typer.Option(
            help="Look at every frame, or, fast, leave out B-frames where the file has them; "
            "the images are exact in both."
        ),
    ] = "exact",
    uniform: Annotated[
        bool,
        typer.Option("--uniform", help="Take frames evenly spread over the range, whatever they show: the baseline."),
    ] = False,
    unlike: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PROJECT",
            help="Choose frames unlike those that this project has labelled or chosen, of this video or of others of "
            "the same camera: a DeepLabCut or Lightning Pose folder, a .slp, or an earlier result; may be "
            "given several times.",
        ),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views",
            help="The videos are cameras of one scene, frame by frame: choose the same frames of each, by all of them.",
        ),
    ] = False,
    min_gap: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Least time between two chosen frames, as far as possible; 0: none. Images need --rate.",
        ),
    ] = 0.1,
    allow_similar: Annotated[
        bool, typer.Option("--allow-similar", help="Do not replace a frame that looks like another chosen one.")
    ] = False,
    allow_dark: Annotated[
        bool, typer.Option("--allow-dark", help="Do not replace a frame that is much darker than most.")
    ] = False,
    allow_blurred: Annotated[
        bool,
        typer.Option("--allow-blurred", help="Do not replace a frame that is blurred, nor prefer the sharper of two."),
    ] = False,
    levels: Annotated[
        Any,
        typer.Option(
            parser=parse_levels,
            metavar="LOW,HIGH",
            help="Of images: show these levels as black and white. Default: 8-bit images as they are; for "
            "deeper ones and floats, the range in use over the whole recording.",
        ),
    ] = None,
    rate: Annotated[
        Any,
        typer.Option(
            parser=parse_rate,
            metavar="HZ",
            help="Of images: how many there are a second. Without it they have no times, and --min-gap is off.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Another seed gives another choice.")
    ] = 0,
    threads: Threads = None,
    format: Annotated[ImageFormat, typer.Option(help="File format of the exported images.")] = "png",
    export_to: Annotated[
        # Typer knows no list of a choice of words.
        list[Any] | None,
        typer.Option(
            "--export",
            parser=parse_tool,
            metavar="TOOL",
            help=f"Bring the frames into this labelling tool too ({', '.join(get_args(ExportTool))}); "
            "may be given several times.",
        ),
    ] = None,
    project: Project = None,
    task: Task = "",
    scorer: Scorer = "",
    bodyparts: Bodyparts = "",
    individuals: Individuals = "",
    skeleton: Skeleton = "",
    copy_videos: CopyVideos = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Choose the K frames of each video that differ most from one another, and write them.

    The result folder holds the images (frames/img<index>.png), manifest.json, keyframes.csv, report.html,
    contact_sheet.jpg, scan.npz and, with -k auto, k_curve.png. The same video, options and seed give the same bytes.
    """
    settings: dict[str, Any] = {
        **network_settings(features, algorithm, encoder, encoder_minutes, input_size, mean, std),
        "start_s": start or 0.0,
        "stop_s": stop,
        "every": every,
        "crop": crop,
        "width": width,
        "color": color,
        "scan": scan,
        "uniform": uniform,
        "min_gap_s": min_gap,
        "allow_similar": allow_similar,
        "allow_dark": allow_dark,
        "allow_blurred": allow_blurred,
        "seed": seed,
        "format": format,
        "levels": levels,
        "rate": rate,
    }
    if views and (len(videos) < 2 or unlike):
        raise typer.BadParameter("--views takes two videos or more, and no --unlike")
    if stop is not None and stop <= (start or 0.0):
        raise typer.BadParameter(f"--stop {stop:g} s must be later than --start {start or 0.0:g} s")
    from keyframes.labelling import check_export, options_for
    from keyframes.names import with_own_name
    from keyframes.pipeline import extract as run
    from keyframes.pipeline import extract_views
    from keyframes.result.naming import result_names, view_names

    videos = [with_own_name(video) for video in videos]
    places = [output or Path(result_names(videos)[0])]
    if len(videos) > 1:
        places = [(output or Path()) / name for name in result_names(videos)]
    done: list[dict[str, Any]] = []
    exports: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with errors_told(failed):
        target = export_options(project, task, scorer, bodyparts, individuals, skeleton, copy_videos)
    tools = list(dict.fromkeys(export_to or []))
    if tools or project is not None:
        # Told before hours of decoding, not after them.
        with errors_told(failed):
            check_export(tools, target, videos, places)
    common: dict[str, Any] = {"overwrite": overwrite, "threads": threads, "progress": not quiet, **settings}
    together: list[Any] = []
    if views and not failed:
        with errors_told(failed, video=", ".join(map(str, videos))):
            together = extract_views(videos, k, outputs=places, **common)
    for number, (video, place) in enumerate([] if failed else zip(videos, places, strict=True)):
        with errors_told(failed, video=str(video)):
            result = together[number] if views else run(video, k, output=place, unlike=unlike or (), **common)
            if read_with := result.manifest["video"].get("read_with"):
                say(f"note: {video}: read with {read_with}")
            for warning in result.warnings:
                say(f"warning: {video}: {warning}")
            if levels is None and "levels" in result.manifest["video"]:
                low, high = result.manifest["video"]["levels"]
                say(f"note: {video}: levels {low:g} to {high:g} are shown as black to white; --levels changes that")
            done.append({"folder": str(place), **result.manifest})
            if not as_json:
                n_decoded = result.manifest["video"]["frames_decoded"]
                found = f" (k = {result.manifest['k_selection']['k']}, see k_curve.png)" if k == "auto" else ""
                print(printable(f"{video}: {len(result.keyframes)} of {n_decoded} frames in {place}{found}"))
    for tool in tools if done else []:
        own = options_for(tool, target, tools)
        folders = [Path(result["folder"]) for result in done]
        names = view_names(videos) if views and tool == "lightning-pose" else ()
        export_results(folders, tool, own, exports, failed, as_json, videos=videos, views=names, progress=not quiet)
    if as_json:
        document = {"results": done, **({"exports": exports} if tools else {}), "failures": failed}
        print_json(document)
    if failed:
        raise typer.Exit(1)


def network_settings(
    features: FeatureKind,
    algorithm: Algorithm,
    encoder: Path | None,
    encoder_minutes: float,
    input_size: tuple[int, int] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> dict[str, Any]:
    """Return the settings of features and clustering; a network that is named is used."""
    if encoder is None and (input_size or mean or std):
        raise typer.BadParameter("--input-size, --mean and --std tell of the network of --encoder; give that too")
    n_channels = len(mean or std or (0.0, 0.0, 0.0))
    return {
        "features": features if encoder is None else "encoder",
        "algorithm": algorithm,
        "encoder": encoder,
        "encoder_minutes": encoder_minutes,
        "input_size": input_size,
        "mean": mean or (0.0,) * n_channels,
        "std": std or (1.0,) * n_channels,
    }
