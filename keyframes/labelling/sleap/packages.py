"""Packages of SLEAP: projects that carry their images, as PNG files in HDF5, the way sleap-io keeps them."""

import errno
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from keyframes.errors import ExportError, OutputError, not_there
from keyframes.labelling.sleap.project import is_packed, unpacked
from keyframes.result.image_files import decoded, write_image
from keyframes.result.recordings import Recording
from keyframes.video import temporary_errors, temporary_folder
from keyframes.whole_files import LONGEST_HIDDEN, shortened

# Bytes of a package beside its images: more than HDF5, videos and suggestions take.
BESIDE_IMAGES = 1 << 20
# Of file systems that cannot set room aside.
CANNOT_SAY = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def image_files_of(
    recording: Recording, wanted: Sequence[int], scratch: Path, order: str, progress: bool
) -> dict[int, Path]:
    """Give a PNG file of each wanted frame: the result's own, or one made in the temporary folder."""
    files = {}
    for index, image in recording.images(wanted, progress):
        own, made = recording.files[index], scratch / f"{shortened(recording.name, LONGEST_HIDDEN)}-{index}.png"
        files[index] = own if order == "RGB" and own.suffix == ".png" else made
        with temporary_errors():
            if order != "RGB":
                # Red and blue change places, losslessly.
                write_image(made, np.ascontiguousarray(decoded(own, image)[..., ::-1]))
            elif files[index] == made:
                made.write_bytes(image)
    return files


def pack(sio: Any, path: Path, number: int, images: dict[int, Path], like: Any, source: Any, order: str = "RGB") -> Any:
    """Put PNG files into an HDF5 file as sleap-io keeps them, from which it copies them as they are.

    They are whole frames, also of a video that the project crops: the crop stands beside them.
    """
    import h5py

    indices = sorted(images)
    dataset = f"video{number}/video"
    known = like.backend_metadata
    shape = known.get("source_shape") or known.get("shape") or like.shape
    fps = known.get("fps")
    longest = max(image.stat().st_size for image in images.values())
    with temporary_errors():
        find_room(path, len(indices) * longest + BESIDE_IMAGES)
    with h5py.File(path, "w") as file:
        rows = file.create_dataset(dataset, (len(indices), longest), "int8")
        for row, index in enumerate(indices):
            image = np.frombuffer(images[index].read_bytes(), np.int8)
            rows[row, : len(image)] = image
        rows.attrs["format"], rows.attrs["channel_order"] = "png", order
        for name, value in zip(("frames", "height", "width", "channels"), shape, strict=True):
            rows.attrs[name] = value
        if fps is not None:
            rows.attrs["fps"] = fps
        file[f"video{number}/frame_numbers"] = indices
    metadata = {
        "type": "HDF5Video",
        "shape": (len(indices), *shape[1:]),
        "filename": ".",
        "dataset": dataset,
        "input_format": "channels_last",
        "convert_range": False,
        "has_embedded_images": True,
        "grayscale": shape[-1] == 1,
        "fps": fps,
    }
    if "crop" in known:
        cropped = {key: known[key] for key in ("crop", "crop_fill")}
        metadata |= {**cropped, "source_shape": metadata["shape"], "shape": (len(indices), *known["shape"][1:])}
    return sio.Video(filename=str(path), backend_metadata=metadata, source_video=source, open_backend=False)


def repacked(
    sio: Any, labels: Any, video: Any, recording: Recording, wanted: dict[int, int], scratch: Path, progress: bool
) -> Any:
    """Pack the images of a package once more, with those of the wanted frames that it lacks."""
    number = labels.videos.index(video)
    images, order = _packed_images(video, scratch)
    lacking = [ours for ours, theirs in wanted.items() if theirs not in images]
    files = image_files_of(recording, lacking, scratch, order, progress) if lacking else {}
    images |= {wanted[index]: file for index, file in files.items()}
    packed = pack(sio, scratch / f"{number}.h5", number, images, video, video.source_video, order)
    labels.replace_videos(video_map={video: packed})
    return packed


def _packed_images(video: Any, scratch: Path) -> tuple[dict[int, Path], str]:
    """Unpack the images that a package holds of a video, by frame index, and tell the order of their colours.

    PNG files stay as they are; of others their pixels do, because a package holds images of one format.
    """
    import h5py

    if not os.path.isfile(video.filename):
        raise ExportError(
            f"{video.filename}: {not_there(Path(video.filename))}, but it holds the images of the project; put it back"
        )
    with h5py.File(video.filename, "r") as file:
        rows = file[video.backend_metadata["dataset"]]
        indices = [int(index) for index in rows.parent["frame_numbers"][:]]
        images = {index: scratch / f"packed-{index}.png" for index in indices}
        if not indices or rows.attrs.get("format") == "png":
            for row, path in enumerate(images.values()):
                image = np.asarray(rows[row], np.int8).tobytes()
                with temporary_errors():
                    path.write_bytes(image)
            return images, str(rows.attrs.get("channel_order", "BGR"))
    for index, read in unpacked(video, set(indices)).items():
        picture = np.ascontiguousarray(read()[..., ::-1])
        with temporary_errors():
            write_image(images[index], picture)
    return images, "BGR"


def save(labels: Any, path: Path, least_bytes: int = 0) -> None:
    """Save labels, packed images with them; the file will have so many bytes at least."""
    import h5py

    find_room(path, max(least_bytes, sum(map(_bytes_of_images, labels.videos))) + BESIDE_IMAGES)
    with warnings.catch_warnings():
        # The names of a folder's many images go where earlier readers do not look: the package has the images.
        warnings.filterwarnings("ignore", "Source video metadata", UserWarning)
        labels.save(str(path), embed=None, verbose=False)
    # A packed video names the file and the group that its images were copied from, not where they are now.
    with h5py.File(path, "r+") as file:
        for row, text in enumerate(file["videos_json"][:]):
            video = json.loads(text)
            if video["backend"].get("filename") == ".":
                here = {"filename": ".", "backend": {**video["backend"], "dataset": f"video{row}/video"}}
                file["videos_json"][row] = json.dumps({**video, **here}, separators=(",", ":"))


def _bytes_of_images(video: Any) -> int:
    """Return how many bytes the images take that a package holds of a video."""
    import h5py

    # A package may refer to another one that is not here.
    with suppress(OSError, KeyError):
        if is_packed(video):
            with h5py.File(video.filename, "r") as file:
                return int(file[video.backend_metadata["dataset"]].id.get_storage_size())
    return 0


def find_room(path: Path, n_bytes: int) -> None:
    """Raise what the system says where a new file of so many bytes finds no room.

    HDF5 must not find that out: it cannot close a file on a full disk, and crashes when it frees what is left of it.
    """
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        if error.errno not in CANNOT_SAY:
            raise
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(place: Path) -> Iterator[Path]:
    """Give a temporary folder; tell the errors that HDF5 has no better name for."""
    try:
        with temporary_folder() as folder:
            yield Path(folder)
    except RuntimeError as error:
        raise OutputError(f"{place}: cannot be written ({error}); free up space, or choose another path") from error
