"""What a result folder holds: images at full size, contact sheet, scan, report, manifest."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from keyframes.choice.selection import Selection
from keyframes.manifest import Manifest, write_manifest
from keyframes.progress import Progress, progress_bar
from keyframes.report.contact_sheet import ContactSheet
from keyframes.report.k_curve import draw_k_curve
from keyframes.report.report import write_report
from keyframes.report.thumbnails import bytes_of_each, thumbnail
from keyframes.result.image_files import write_image
from keyframes.result.scan_file import save_scan
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import DisagreementError, Proof, VideoReader, excerpts_pay, fetch_frames, seek_frames

if TYPE_CHECKING:
    from clustering import KSelection

IMAGES_WAITING = 2


def write_files(
    folder: Path,
    reader: VideoReader,
    settings: Settings,
    scan: Scan,
    selection: Selection,
    manifest: Manifest,
    *,
    k_selection: "KSelection | None",
    progress: Progress,
) -> None:
    """Write the rows behind a choice and the curve of an automatic k; fetch the chosen frames, and write all the rest.

    A DisagreementError says that a chosen frame of a scan that left frames out is not the frame of the file.
    """
    if k_selection is not None:
        curve = draw_k_curve(k_selection.ks.tolist(), k_selection.inertias.tolist(), k_selection.k)
        write_image(folder / "k_curve.png", curve)
    save_scan(folder / "scan.npz", scan, selection)
    chosen = [keyframe.frame_index for keyframe in selection.keyframes]
    proof = scan.proof(reader, settings, chosen) if len(scan.fingerprint) else None
    # After a sparse scan there is no other way.
    apart = scan.view.excerpts or excerpts_pay(reader, chosen, None if proof is None else proof.view)
    try:
        thumbnails = _write_images(reader, manifest, folder, progress, proof, apart=apart)
    except DisagreementError:
        if proof is not None and proof.view.excerpts:
            raise
        thumbnails = _write_images(reader, manifest, folder, progress)
    columns = scan.frame_index, scan.time_s, selection.labels, scan.place
    write_report(folder, manifest, *columns, thumbnails, doubt=scan.doubt, points=scan.points)
    write_manifest(folder, manifest)


def _write_images(
    reader: VideoReader,
    manifest: Manifest,
    folder: Path,
    progress: Progress,
    proof: Proof | None = None,
    *,
    apart: bool = False,
) -> dict[int, bytes]:
    """Write the chosen frames at full size, and the contact sheet, in a second pass; by seeks only with a proof.

    `apart` decodes each frame apart from the others. Returns the frames' thumbnails, JPEG files by frame index.
    """
    files = {entry["frame_index"]: folder / entry["file"] for entry in manifest["keyframes"]}
    (folder / "frames").mkdir(exist_ok=True)
    sheet = ContactSheet(len(files), reader.header.height, reader.header.width)
    if apart:
        fetched = fetch_frames(reader, files, proof)
    else:
        fetched = seek_frames(reader, files, proof) if proof else reader.read_frames(files)
    # Encoded beside the decoding, a few at a time: at full size they take memory.
    waiting: deque[Future[None]] = deque()
    thumbnails = {}
    with (
        ThreadPoolExecutor(1, thread_name_prefix="keyframes-write") as beside,
        progress_bar(fetched, "write", len(files), "images", progress) as frames,
    ):
        for frame in frames:
            waiting.append(beside.submit(write_image, files[frame.index], frame.image))
            sheet.add(frame)
            thumbnails[frame.index] = thumbnail(frame.image, bytes_of_each(len(files)))
            if len(waiting) > IMAGES_WAITING:
                waiting.popleft().result()
        for written in waiting:
            written.result()
    write_image(folder / "contact_sheet.jpg", sheet.image)
    return thumbnails
