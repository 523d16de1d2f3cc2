"""A Pillow plugin: with ``import quantize.pillow``, Pillow opens and saves ``.vqi`` files.

So does whatever opens image files through Pillow: imageio, matplotlib, scikit-image.

>>> import io
>>> from PIL import Image
>>> import quantize.pillow
>>> file = io.BytesIO()
>>> Image.linear_gradient("L").save(file, "VQI", quality=70)
>>> Image.open(file)  # doctest: +ELLIPSIS
<quantize.pillow.VqiImageFile image mode=L size=256x256 at ...>

To save, the options are those of `quantize.encode`, and of metadata ``icc_profile``, ``exif``, ``xmp``, ``dpi`` and
``pnginfo``, as for a PNG. Like all of Pillow's formats it ignores options that it does not know, and takes over the
colour profile of the image, but no other metadata that are not given.
"""

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from quantize.container import IMAGE_SIGNATURE, Container, read_head, unpack
from quantize.datatypes import Options, Picture, Settings
from quantize.errors import CodebookError, ContainerError, QuantizeError, SettingsError
from quantize.images.color_profiles import SPACES, space_of
from quantize.images.files import samples_of
from quantize.images.png import carried_chunks, with_chunks
from quantize.multiresolution.layout import Layout
from quantize.pipeline import decode_picture, encode_picture, load_book

FORMAT, ENDING, MIME_TYPE = "VQI", ".vqi", "image/x-vqi"
# Enough of a signature to report a file that a transfer as text has changed.
PREFIX = IMAGE_SIGNATURE[:4]
# By the number of channels.
MODES = ("L", "LA", "RGB", "RGBA")
GRAY_MODES = frozenset(("1", "L", "LA", "La"))
SAVED_MODES = GRAY_MODES | {"P", "PA", "RGB", "RGBA", "RGBX", "RGBa"}
# Pillow has a limit of its own, `PIL.Image.MAX_IMAGE_PIXELS`.
NO_LIMIT = 1 << 64


class VqiImageFile(ImageFile.ImageFile):
    """A ``.vqi`` file: its header and metadata until Pillow loads the pixels.

    Attributes
    ----------
    codebook : path, bytes or None
        The shared codebook that the file was made with, to be set before the pixels are loaded.
    text : dict of str to str
        Texts, as a PNG file has them.
    """

    format = FORMAT
    format_description = "Image by vector quantisation"
    codebook: str | Path | bytes | None = None
    text: dict[str, str]
    _level = 0

    def _open(self) -> None:
        assert self.fp is not None
        try:
            container = unpack(read_head(self.fp), NO_LIMIT, may_be_cut=True)
        except ContainerError as error:
            # Pillow would try its other formats after a SyntaxError, and not say what is wrong.
            raise UnidentifiedImageError(str(error)) from error
        self._mode = MODES[container.channels - 1]
        self._size = container.width, container.height
        self._n_levels = 0
        if container.profile == "multiresolution":
            self._n_levels = Layout(container.height, container.width, container.n_planes).n_levels
        self.info, self.text = _read_info(container)
        self._set_tile()

    def _set_tile(self) -> None:
        self.tile = [(FORMAT.lower(), (0, 0, *self.size), 0, (self._level,))]  # type: ignore[list-item]

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Have a smaller picture decoded, from the coarse levels: the smallest that is at least of a size.

        `PIL.Image.Image.thumbnail` calls this by itself. The mode stays as it is.
        """
        if not self.tile or not self._n_levels or self._level or size is None:
            return None
        width, height = self.size
        sizes = [(-(-width >> level), -(-height >> level)) for level in range(self._n_levels + 1)]
        self._level = max((i for i, own in enumerate(sizes) if own[0] >= size[0] and own[1] >= size[1]), default=0)
        self._size = sizes[self._level]
        self._set_tile()
        return self.mode, (0, 0, width / (1 << self._level), height / (1 << self._level))

    def load_prepare(self) -> None:
        """Hand the codebook to the decoder."""
        self.decoderconfig = (self.codebook,)
        super().load_prepare()

    def verify(self) -> None:
        """Check that the file is complete and every chunk has its checksum, and close it; OSError where not."""
        if self.fp is not None:
            self.fp.seek(0)
            try:
                unpack(self.fp.read(), NO_LIMIT)
            except ContainerError as error:
                raise OSError(str(error)) from error
        super().verify()


class _Decoder(ImageFile.PyDecoder):
    """Decodes a whole file when Pillow loads its pixels."""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:
        level, codebook = self.args
        assert self.fd is not None
        try:
            book = None if codebook is None else load_book(codebook)
            picture = decode_picture(self.fd.read(), book, NO_LIMIT, level)
        except CodebookError as error:
            raise OSError(f"{error}, or set `codebook` of the image before its pixels are loaded") from error
        except QuantizeError as error:
            raise OSError(str(error)) from error
        self.set_as_raw(picture.pixels.tobytes())
        return -1, 0


def register() -> None:
    """Make ``.vqi`` known to Pillow; importing this module does so."""
    Image.register_open(FORMAT, VqiImageFile, _accept)
    Image.register_decoder(FORMAT.lower(), _Decoder)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ENDING)
    Image.register_mime(FORMAT, MIME_TYPE)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(PREFIX)


def _read_info(container: Container) -> tuple[dict[str | tuple[int, int], Any], dict[str, str]]:
    """Return what Pillow calls `info` and `text`; it reads the chunks of a PNG file itself, from a PNG of one pixel."""
    info: dict[str | tuple[int, int], Any] = {}
    text: dict[str, str] = {}
    if "png" in container.metadata:
        with suppress(Exception):  # whatever Pillow's parser stumbles over: the pixels are good
            chunks = with_chunks(_png_of_one_pixel(), container.metadata["png"])
            with PngImagePlugin.PngImageFile(io.BytesIO(chunks)) as png:
                info, text = {**png.info}, {**png.text}
    for name, key in (("icc", "icc_profile"), ("exif", "exif"), ("xmp", "xmp")):
        if name in container.metadata:
            info[key] = container.metadata[name]
    return info, text


def _png_of_one_pixel(**options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    if image.mode not in SAVED_MODES:
        raise OSError(f"cannot write mode {image.mode} as {FORMAT}")
    if 0 in image.size:
        raise ValueError(f"cannot write empty image as {FORMAT}")
    given = image.encoderinfo
    options: Options = {name: given[name] for name in Options.__annotations__ if name in given}  # type: ignore[assignment]
    settings = Settings.of(**options)
    try:
        book = None if given.get("codebook") is None else load_book(given["codebook"])
        picture = Picture(samples_of(image), _metadata(image, given))
        data = encode_picture(picture, settings, ENDING, book).data
    except SettingsError:
        # A ValueError, as Pillow's own formats raise for an option.
        raise
    except QuantizeError as error:
        raise OSError(str(error)) from error
    file.write(data)


def _metadata(image: Image.Image, given: dict[str, Any]) -> dict[str, bytes]:
    """Metadata of a file that is to be saved, as of `quantize.datatypes.Picture`."""
    profile = given.get("icc_profile", image.info.get("icc_profile")) or b""
    if profile and space_of(profile) != SPACES["L" if image.mode in GRAY_MODES else "RGB"]:
        warnings.warn("the image has a colour profile that does not fit its colours; it is left out", stacklevel=4)
        profile = b""
    exif, xmp = given.get("exif") or b"", given.get("xmp") or b""
    found = {
        "icc": profile,
        "exif": exif.tobytes() if isinstance(exif, Image.Exif) else exif,
        "xmp": xmp.encode() if isinstance(xmp, str) else xmp,
        "png": carried_chunks(_png_of_one_pixel(dpi=given.get("dpi"), pnginfo=given.get("pnginfo")), colors=True),
    }
    return {name: bytes(data) for name, data in found.items() if data}


register()
