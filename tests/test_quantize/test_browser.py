"""The decoder in JavaScript, in Chromium: the pixels that Python decodes, and errors where Python has them."""

import base64
import functools
import hashlib
import http.server
import io
import json
import random
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import quantize
from quantize.report.decoder import decoder_files
from tests.conftest import ROOT
from tests.test_quantize.chunks import chunks_of, file_of
from tests.test_quantize.conftest import photo
from tests.test_quantize.test_fuzz import MUTATIONS

GOLDEN = Path(__file__).parent / "golden"
PIXELS = json.loads((GOLDEN / "pixels.json").read_text(encoding="utf-8"))
SECONDS = 60
# Decodes one file: the pictures as hashes, or as a PNG, or the error; "hang" where the page does not come to an end.
HARNESS = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Decoder</title>
<script type="module">
import { decode, toPng, VqiError } from "./vqi.js";
const text = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (data) => Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
const base64 = (data) => btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
window.attempt = async (data, options = {}, png = false) => {
  const pictures = [];
  const onPicture = async (picture) => {
    const { height, width, channels, level, pixels } = picture;
    const hash = text(await crypto.subtle.digest("SHA-256", pixels));
    pictures.push({ level, shape: [height, width, channels], hash });
  };
  const codebook = options.codebook && bytes(options.codebook);
  const late = new Promise((resolve) => setTimeout(resolve, SECONDS * 1000, { error: "hang" }));
  const work = decode(bytes(data), { ...options, codebook, onPicture }).then(
    async (last) => ({ pictures, png: png && base64(new Uint8Array(await (await toPng(last)).arrayBuffer())) }),
    (error) => ({ pictures, error: error.message, known: error instanceof VqiError }),
  );
  return Promise.race([work, late]);
};
</script>""".replace("SECONDS", str(SECONDS))
# As strict as the documentation says, but for what these pages themselves have, and for Playwright's waiting.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; img-src blob: data:; "
    "style-src-attr 'unsafe-inline'"
)
# Its pixels as the page shows them, with four channels.
SHOWN = """image => {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(image, 0, 0);
  return Array.from(context.getImageData(0, 0, width, height).data);
}"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that is served, with the decoder and the golden files in it, and its address."""
    folder = tmp_path_factory.mktemp("site")
    for name, data in decoder_files().items():
        (folder / name).write_bytes(data)
    for path in (*GOLDEN.glob("*.vqi"), GOLDEN / "shared.vqc"):
        shutil.copy(path, folder)
    (folder / "harness.html").write_text(HARNESS, encoding="utf-8")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def attempt(site, open_page):
    page = open_page(f"{site[1]}/harness.html")
    page.wait_for_function("window.attempt")

    def run(data, png=False, **options):
        encoded = {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in {"data": data, **options}.items()
        }
        return page.evaluate(
            "([data, options, png]) => attempt(data, options, png)", [encoded.pop("data"), encoded, png]
        )

    return run


def open_site(site, open_page, body):
    """Open a page whose body is this, and whose script counts the images that have loaded or failed."""
    (site[0] / "page.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Page</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<script>window.ended = []; for (const kind of ["load", "error"]) document.addEventListener(kind, (event) => {'
        ' if (event.target.localName === "vqi-image") ended.push(kind); }, true);</script>'
        f'<script type="module" src="vqi.js"></script>{body}',
        encoding="utf-8",
    )
    return open_page(f"{site[1]}/page.html")


def shown_pixels(image):
    size = image.evaluate("image => [image.naturalHeight, image.naturalWidth, 4]")
    return np.array(image.evaluate(SHOWN), np.uint8).reshape(size)


@pytest.mark.parametrize("name", PIXELS)
def test_a_golden_file_decodes_bit_for_bit_coarse_levels_first(attempt, name):
    book = {"codebook": (GOLDEN / "shared.vqc").read_bytes()} if name.endswith("shared") else {}
    found = attempt((GOLDEN / f"{name}.vqi").read_bytes(), **book)
    assert "error" not in found
    levels = [picture["level"] for picture in found["pictures"]]
    assert levels == sorted(set(levels), reverse=True)
    pictures = {str(picture["level"]): picture for picture in found["pictures"]}
    for level, expected in PIXELS[name].items():
        height, width, channels = pictures[level]["shape"]
        shape = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
        assert f"{shape} {pictures[level]['hash']}" == expected


@pytest.mark.parametrize(("height", "width"), [(1, 1), (41, 3), (90, 131)])
@pytest.mark.parametrize(
    "options",
    [
        {"block": 1},
        {"block": 2, "quality": 95},
        {"block": 4, "subsampling": "444"},
        {"block": 8},
        {"profile": "multiresolution", "quality": 95},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_any_size_and_number_of_channels_decodes_as_in_python(attempt, rng, height, width, options):
    pixels = photo(height, width)
    alpha = rng.integers(0, 256, (height, width, 1), np.uint8)
    for image in (pixels, pixels[..., :1], np.dstack([pixels, alpha]), np.dstack([pixels[..., :1], alpha])):
        data = quantize.encode(image, **options)
        found = attempt(data)
        assert "error" not in found
        assert found["pictures"][-1]["hash"] == hashlib.sha256(quantize.decode(data).tobytes()).hexdigest()


def test_its_png_has_the_same_pixels_and_the_color_profile(attempt, run_command, tmp_path):
    pixels = np.dstack([photo(40, 56), np.full((40, 56), 7, np.uint8)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile, dpi=(300, 300))
    run_command("quantize", "a.png", "--profile", "multiresolution", cwd=tmp_path)
    data = (tmp_path / "a.vqi").read_bytes()
    image = Image.open(io.BytesIO(base64.b64decode(attempt(data, png=True)["png"])))
    assert (np.asarray(image) == quantize.decode(data)).all()
    assert image.info["icc_profile"] == profile
    assert round(image.info["dpi"][0]) == 300


def test_a_file_that_is_cut_off_shows_its_coarse_levels_and_ends_in_an_error(attempt):
    data = (GOLDEN / "levels-stripes.vqi").read_bytes()
    # The last chunk takes 16 bytes, and before it ends that of the finest level.
    cut = data[:-17]
    small = quantize.decode(cut, level=1)
    found = attempt(cut, level=1)
    assert found["pictures"][-1]["hash"] == hashlib.sha256(small.tobytes()).hexdigest()
    found = attempt(cut)
    assert found["pictures"][-1]["level"] == 1
    assert "ends before level 0" in found["error"]


@pytest.mark.parametrize("more", [b"\0", b"\x89VQI\r\n\x1a\n and so on"])
@pytest.mark.parametrize("level", [0, 1])
def test_what_follows_the_end_is_told_as_in_python(attempt, more, level):
    data = (GOLDEN / "levels-rgb.vqi").read_bytes() + more
    with pytest.raises(quantize.ContainerError) as raised:
        quantize.decode(data, level=level)
    assert str(raised.value) in attempt(data, level=level)["error"]


@pytest.mark.parametrize("other", [(b"NOTE", b"hello"), "levels-2-visual-rgb"])
def test_chunks_that_do_not_belong_are_told_as_in_python(attempt, other):
    data = (GOLDEN / "levels-3-visual-rgb.vqi").read_bytes()
    chunks = chunks_of(data)
    chunks[1:1] = chunks_of((GOLDEN / f"{other}.vqi").read_bytes())[1:-1] if isinstance(other, str) else [other]
    mixed = file_of(chunks, data[:8])
    with pytest.raises(quantize.ContainerError) as raised:
        quantize.decode(mixed)
    assert str(raised.value).replace("program", "decoder").replace("quantize", "vqi.js") in attempt(mixed)["error"]


def test_damaged_files_end_in_an_error_as_in_python(attempt):
    rng = random.Random(0)
    originals = [path.read_bytes() for path in sorted(GOLDEN.glob("*.vqi")) if path.stem != "block-2-shared"]
    assert len(originals) == len(PIXELS) - 1
    refused = 0
    for number in range(120):
        data = rng.choice(MUTATIONS)(rng.choice(originals), rng)
        try:
            expected = hashlib.sha256(quantize.decode(data).tobytes()).hexdigest()
        except quantize.QuantizeError:
            expected = None
        found = attempt(data)
        if expected is None:
            refused += 1
            assert found.get("known"), f"file {number}: {found}"
        else:
            assert "error" not in found, f"file {number}: {found}"
            assert found["pictures"][-1]["hash"] == expected
    assert refused > 90


def test_a_missing_codebook_and_a_wrong_one_are_named(attempt):
    data, book = (GOLDEN / "block-2-shared.vqi").read_bytes(), (GOLDEN / "shared.vqc").read_bytes()
    assert "needs the codebook" in attempt(data)["error"]
    (_, head), (_, body) = chunks_of(book)
    other = file_of([(b"HEAD", head), (b"BOOK", body + b"\0")], book[:8])
    assert "and not" in attempt(data, codebook=other)["error"]


@pytest.mark.slow
def test_elements_show_images_as_img_does(site, open_page):
    body = """<vqi-image src="levels-rgb.vqi" alt="A photo"></vqi-image><vqi-image src="palette-rgb.vqi"></vqi-image>
    <vqi-image src="block-2-shared.vqi" codebook="shared.vqc"></vqi-image>
    <div style="width: 50px"><vqi-image src="levels-stripes.vqi"></vqi-image></div>"""
    page = open_site(site, open_page, body)
    page.wait_for_function("ended.length === 4")
    assert page.evaluate("ended") == ["load"] * 4
    images = page.locator("vqi-image img")
    for number, name in enumerate(["levels-rgb", "palette-rgb", "block-2-shared", "levels-stripes"]):
        book = GOLDEN / "shared.vqc" if "shared" in name else None
        pixels = quantize.decode((GOLDEN / f"{name}.vqi").read_bytes(), codebook=book)
        shown = shown_pixels(images.nth(number))
        assert (shown[..., :3] == pixels).all()
        assert (shown[..., 3] == 255).all()
    boxes = [images.nth(number).bounding_box() for number in (0, 3)]
    assert [(box["width"], round(box["height"])) for box in boxes] == [(101, 75), (50, 48)]
    assert images.nth(0).get_attribute("alt") == "A photo"
    assert page.complaints == []
    page.eval_on_selector("vqi-image", 'image => { image.src = "levels-fine.vqi"; }')
    page.wait_for_function("ended.length === 5")
    expected = quantize.decode((GOLDEN / "levels-fine.vqi").read_bytes())
    assert (shown_pixels(images.nth(0))[..., :3] == expected).all()


def test_the_documentation_runs_as_written(site, open_page):
    text = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    html, script = (re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1] for language in ("html", "js"))
    shutil.copy(GOLDEN / "levels-rgb.vqi", site[0] / "photo.vqi")
    page = open_site(site, open_page, f'{html}<img><script type="module">{script}; ended.push("script");</script>')
    page.wait_for_function("ended.length === 2")
    assert sorted(page.evaluate("ended")) == ["load", "script"]
    expected = quantize.decode((GOLDEN / "levels-rgb.vqi").read_bytes())
    for image in (page.locator("vqi-image img"), page.locator("body > img")):
        assert (shown_pixels(image)[..., :3] == expected).all()
    assert page.complaints == []


def test_an_element_shows_why_an_image_is_not_there(site, open_page):
    data = bytearray((GOLDEN / "levels-rgb.vqi").read_bytes())
    data[-100] ^= 1
    (site[0] / "damaged.vqi").write_bytes(data)
    (site[0] / "page.vqi").write_text("<!doctype html>", encoding="utf-8")
    body = "".join(
        f'<vqi-image src="{name}" alt="{alt}"></vqi-image>'
        for name, alt in (("damaged.vqi", "A mouse"), ("none.vqi", ""), ("page.vqi", ""))
    )
    page = open_site(site, open_page, body)
    page.wait_for_function("ended.length === 3")
    assert page.evaluate("ended") == ["error"] * 3
    told = page.locator("vqi-image [role=alert]").all_text_contents()
    assert told[0].startswith("A mouse: ")
    assert "checksum" in told[0]
    assert "404" in told[1]
    assert told[2].startswith("page.vqi: is not a .vqi file")
    assert not any(image.is_visible() for image in page.locator("vqi-image img").all())


def test_the_command_writes_the_decoder_for_a_page(run_command, tmp_path):
    assert run_command("quantize", "--web", "site", cwd=tmp_path).returncode == 0
    for name, data in decoder_files().items():
        assert (tmp_path / "site" / name).read_bytes() == data
    assert run_command("quantize", "--web", "site", cwd=tmp_path).returncode == 0
    (tmp_path / "site" / "vqi.js").write_text("mine", encoding="utf-8")
    done = run_command("quantize", "--web", "site", cwd=tmp_path)
    assert done.returncode == 1
    assert "vqi.js: already exists" in done.stderr
    assert (tmp_path / "site" / "vqi.js").read_text(encoding="utf-8") == "mine"
    assert run_command("quantize", "--web", "site", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "site" / "vqi.js").read_bytes() == decoder_files()["vqi.js"]
