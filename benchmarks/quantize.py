#!/usr/bin/env python3
"""Palettes, codebooks, index coding, and rate and distortion, each beside the programs that people use.

    python benchmarks/quantize.py [palettes] [codebooks] [coders] [rates] [decoding] IMAGE...

palettes: mean PSNR, PSNR of the blurred image (Gaussian, sigma 1.2), bytes and processor seconds for a whole set, one
command each, without dither and with it: `quantize --block 1`, `pngquant` and Pillow (within this process, without
dither); for the images and for a set of drawings with alpha that is rendered here. codebooks: mean squared
error of 256 codewords on the 4x4 RGB blocks of each image, and seconds: our k-means and CentNN, scikit-learn's
k-means++, faiss (20 iterations). coders: bytes of the same indices, coded by our mixed contexts, by an adaptive
order-0 model with `constriction`'s range coder, and by zstandard. rates: change of size at equal RGB-PSNR against
Pillow's JPEG (4:2:0, optimised) over 0.4 to 1.2 bits a pixel, and from where to where the curves overlap. decoding:
megapixels a second.

One thread for the libraries, two runs, the second one counts. What is not installed (`apt install pngquant`,
`pip install faiss-cpu constriction zstandard`) is left out.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

# This file would hide the package of its name, `quantize`, from the imports below.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.drawings import drawings

ROOT = Path(__file__).resolve().parent.parent

JPEG_QUALITIES = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 88, 94, 97)
QUALITIES = (5, 15, 25, 35, 45, 55, 65, 75, 85)
# Of ours, between which sizes are compared.
LEAST_BITS, MOST_BITS = 0.4, 1.2


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


def psnr(a, b):
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())


def timed(function, *arguments, repeats=2):
    """Return what a function returns, and the seconds that its last run took."""
    for _ in range(repeats):
        start = time.perf_counter()
        result = function(*arguments)
        seconds = time.perf_counter() - start
    return result, seconds


def palettes(paths):
    """Run each command on a whole set, photographs and then drawings; its processor time is the least of two."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = [Path(folder) / f"{name}.png" for name, _ in drawings()]
        for path, (_, image) in zip(drawn, drawings(), strict=True):
            image.save(path, optimize=True)
        for name, images in (("photographs", paths), ("drawings", drawn)):
            print(f"{name + ', palettes':30}{'PSNR':>8}{'blurred':>9}{'bytes':>10}{'CPU s':>8}")
            for n_colors in (16, 64, 256):
                compare_palettes(images, n_colors)


def compare_palettes(paths, n_colors):
    ours = [sys.executable, "-m", "quantize", "--block", "1", "--codewords", n_colors, "-q"]
    rows = [("quantize", *with_command(ours, paths))]
    if shutil.which("pngquant"):
        rows.append(("pngquant --nofs", *with_command(["pngquant", "--nofs", n_colors], paths)))
    rows.append(("quantize --dither", *with_command([*ours, "--dither"], paths)))
    if shutil.which("pngquant"):
        rows.append(("pngquant", *with_command(["pngquant", n_colors], paths)))
    rows.append(("Pillow", *in_process(lambda: [pillow_palette(path, n_colors) for path in paths])))
    for name, files, seconds in rows:
        errors = [errors_of(path, data) for path, data in zip(paths, files, strict=True)]
        sharp, blurred = (np.mean([psnr_of(error) for error in kind]) for kind in zip(*errors, strict=True))
        print(f"{n_colors:4} {name:25}{sharp:8.2f}{blurred:9.2f}{sum(map(len, files)):10}{seconds:8.2f}")


def errors_of(path, data):
    """Differences as they are seen, colours times alpha, as they are and blurred (Gaussian, sigma 1.2)."""
    original, found = (seen(Image.open(file)) for file in (path, io.BytesIO(data)))
    difference = found - original
    return difference, gaussian_filter(difference, (1.2, 1.2, 0))


def seen(image):
    pixels = np.asarray(image.convert("RGBA")).astype(float)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return pixels if (pixels[..., 3] < 255).any() else pixels[..., :3]


def psnr_of(error):
    # What is without loss counts as the error of one level in one sample of a million.
    return 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-6))


def in_process(function):
    start = time.process_time()
    return function(), time.process_time() - start


def with_command(command, paths):
    """Bytes of the results of a command for all images, and its processor time."""
    seconds = []
    for _ in range(2):
        before = os.times()
        files = run_command(command, paths)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return files, min(seconds)


def run_command(command, paths):
    with tempfile.TemporaryDirectory() as folder:
        if command[0] == "pngquant":
            command = [*command, *(shutil.copy(path, folder) for path in paths)]
        else:
            command = [*command, *paths, "-o", folder]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([str(part) for part in command], check=True, env=environment, stderr=subprocess.DEVNULL)
        return [next(Path(folder).glob(f"{Path(path).stem}-*")).read_bytes() for path in paths]


def pillow_palette(path, n_colors):
    """Median cut, or of alpha an octree."""
    image = Image.open(path)
    clear = image.mode == "RGBA"
    buffer = io.BytesIO()
    image.convert("RGBA" if clear else "RGB").quantize(n_colors, method=2 if clear else 0, dither=0).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def with_faiss(X):
    import faiss

    faiss.omp_set_num_threads(1)
    model = faiss.Kmeans(X.shape[1], 256, niter=20, seed=0, max_points_per_centroid=10**7)
    model.train(X)
    return model.centroids


def trainers():
    """Yield a name and a function from rows to 256 centres for each way to train a codebook."""
    from sklearn.cluster import KMeans

    from clustering import cent_nn, k_means

    yield "k_means", lambda X: k_means(X, 256, n_threads=1).centers
    yield "cent_nn", lambda X: cent_nn(X, 256, n_threads=1).centers
    yield "scikit-learn", lambda X: KMeans(256, n_init=1, random_state=0).fit(X).cluster_centers_
    if find_spec("faiss"):
        yield "faiss, 20 iterations", with_faiss


def codebooks(paths):
    print(f"\n{'codebooks, 256 of 4x4':24}{'PSNR':>8}{'seconds':>17}")
    works = [blocks(read(path), 4) for path in paths]
    for name, train in trainers():
        found = [timed(train, X) for X in works]
        errors = [distortion(X, centers) for X, (centers, _) in zip(works, found, strict=True)]
        mean = np.mean([10 * np.log10(255**2 / error) for error in errors])
        print(f"     {name:19}{mean:8.2f}{sum(seconds for _, seconds in found):17.2f}")


def blocks(pixels, side):
    height, width = (length // side * side for length in pixels.shape[:2])
    tiles = pixels[:height, :width].reshape(height // side, side, width // side, side, 3).swapaxes(1, 2)
    return np.ascontiguousarray(tiles.reshape(-1, side * side * 3), np.float32)


def distortion(X, centers):
    nearest = np.array(
        [np.square(rows[:, None] - centers[None]).sum(-1).min(1) for rows in np.array_split(X, 400)], object
    )
    return float(np.concatenate(list(nearest)).mean() / X.shape[1])


def zstandard_size(plane):
    import zstandard

    return len(zstandard.ZstdCompressor(19).compress(plane.tobytes()))


def order_0_size(plane):
    """Bytes of an arithmetic coder that knows the whole histogram beforehand, and does not pay for it."""
    import constriction

    # Better than any adaptive model of this order.
    counts = np.bincount(plane.ravel(), minlength=64).astype(np.float32)
    model = constriction.stream.model.Categorical(counts / counts.sum(), perfect=False)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(plane.ravel().astype(np.int32), model)
    return 4 * len(encoder.get_compressed())


def order_1_size(plane):
    """Do the same with a histogram for each left neighbour, all of them known beforehand."""
    import constriction

    symbols, before = plane[:, 1:].ravel().astype(np.int32), plane[:, :-1].ravel()
    encoder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    histograms = np.full((64, 64), 1e-3, np.float32)
    np.add.at(histograms, (before, symbols), 1)
    encoder.encode(symbols, family, (histograms / histograms.sum(1, keepdims=True))[before])
    return 4 * len(encoder.get_compressed())


def index_coders():
    """Yield a name and a function from a plane of 64 indices to bytes for each way to code it."""
    from quantize.entropy.streams import encode_symbols

    yield "mixed contexts", lambda plane: len(encode_symbols(plane, 6))
    if find_spec("zstandard"):
        yield "zstandard 19", zstandard_size
    if find_spec("constriction"):
        yield "constriction, order 0", order_0_size
        yield "constriction, order 1", order_1_size


def coders(paths):
    from quantize.palette.colors import as_rgba, choose_palette, find_colors, map_pixels

    print(f"\n{'coders of 64 indices':24}{'bytes':>8}{'seconds':>9}")
    planes = []
    for path in paths:
        colors = find_colors(as_rgba(read(path)))
        planes.append(map_pixels(colors, choose_palette(colors, 64)))
    for name, size in index_coders():
        sizes, seconds = timed(lambda size=size: [size(plane) for plane in planes])
        print(f"     {name:19}{sum(sizes):8}{seconds:9.2f}")


def jpeg_points(pixels):
    """PSNR and bytes of Pillow's JPEG files, at increasing qualities."""
    for quality in JPEG_QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
        yield psnr(pixels, read(buffer)), buffer.tell()


def block_points(pixels):
    """PSNR and bytes of our files of blocks, at increasing qualities."""
    import quantize

    for quality in QUALITIES:
        data = quantize.encode(pixels, profile="block", quality=quality)
        yield psnr(pixels, quantize.decode(data)), len(data)


def rates(paths):
    print(f"\n{'size against JPEG':24}{'%':>8}   at equal RGB-PSNR, and over which range of PSNR and of bits a pixel")
    for path in paths:
        pixels = read(path)
        (jpeg_psnr, jpeg_bytes), (our_psnr, our_bytes) = (
            np.array(sorted(points)).T for points in (jpeg_points(pixels), block_points(pixels))
        )
        grid = np.linspace(max(jpeg_psnr[0], our_psnr[0]), min(jpeg_psnr[-1], our_psnr[-1]), 400)
        sizes = np.interp(grid, our_psnr, np.log(our_bytes))
        bits = 8 * np.exp(sizes) / (pixels.shape[0] * pixels.shape[1])
        wanted = (bits >= LEAST_BITS) & (bits <= MOST_BITS)
        change = 100 * (np.exp(sizes - np.interp(grid, jpeg_psnr, np.log(jpeg_bytes))) - 1)[wanted]
        spread = f"{change.min():+.1f} to {change.max():+.1f}, {grid[wanted][0]:.1f} to {grid[wanted][-1]:.1f} dB"
        print(f"     {Path(path).name:19}{change.mean():8.1f}   {spread}")


def decoding(paths):
    import quantize

    print(f"\n{'decoding':24}{'MP/s':>8}{'bits a pixel':>15}")
    for block in (2, 4, 8):
        for quality in (40, 60):
            speeds, bits = [], []
            for path in paths:
                pixels = read(path)
                n_pixels = pixels.shape[0] * pixels.shape[1]
                data = quantize.encode(pixels, block=block, quality=quality)
                _, seconds = timed(quantize.decode, data, repeats=4)
                speeds.append(n_pixels / seconds / 1e6)
                bits.append(8 * len(data) / n_pixels)
            print(f"     block {block}, quality {quality}{np.mean(speeds):10.1f}{np.mean(bits):15.2f}")


PARTS = {"palettes": palettes, "codebooks": codebooks, "coders": coders, "rates": rates, "decoding": decoding}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts_and_images", nargs="+", metavar="PART|IMAGE")
    given = parser.parse_args().parts_and_images
    images = [path for path in given if path not in PARTS]
    if not images:
        parser.error("name an image")
    with threadpool_limits(1):
        for part in [part for part in given if part in PARTS] or PARTS:
            PARTS[part](images)


if __name__ == "__main__":
    main()
