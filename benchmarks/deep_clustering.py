#!/usr/bin/env python3
"""Deep clustering of handwritten digits: what each method reaches, and how long it takes.

    python benchmarks/deep_clustering.py [--data ../shared/data/mnist10k.npz] [-o deep-clustering] [--only PART...]
        [--share 1.0] [--device auto|cpu|cuda|mps] [--again]

FILE.npz holds `images` (n, height, width) uint8 and `labels` (n,); without it, scikit-learn's 1,797 small digits are
used, for which the figures beside mean little. The columns: accuracy when each cluster represents a class of its own
(Hungarian method), normalised mutual information (NMI), adjusted Rand index (ARI), minutes of the clustering and of the
autoencoder that it starts from (methods share it), epochs; and what others report of the 70,000 images of MNIST
(accuracy, NMI, ARI). The best method runs with three seeds, each with an autoencoder of its own, and its median is
shown; all others with one.

Everything that is done is kept in the folder -o and not done again: run again, it goes on where it was (`--again`
starts over). There too, for each method, its confusion matrix and its centres, drawn by the decoder, as pictures.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.digits import read_digits
from clustering import ClusteringError, KMeans, clustering_accuracy

try:
    from clustering.deep import (
        DEC,
        Augmentation,
        AutoencoderFeatures,
        Objective,
        load_checkpoint,
        save_checkpoint,
    )
except ClusteringError as error:
    raise SystemExit(f"error: {error}") from None

N_CLUSTERS = 10
BEST = "neighbours, small"
# Views to learn to draw, and bolder ones to recognise.
DRAWN = Augmentation(shift=0.08, rotation=10, scale=0.1, shear=0.2)
RECOGNISED = Augmentation(shift=0.12, rotation=15, scale=0.15, shear=0.3)

ENCODERS: dict[str, dict[str, Any]] = {
    "fully connected": {"network": "fully-connected", "epochs": 80},
    # A third of the weights, which is all that ten digits need.
    "small": {"network": "fully-connected", "hidden": (400, 400), "epochs": 100},
    "convolutional": {"network": "convolutional", "epochs": 40},
    "convolutional, attention": {"network": "convolutional", "attention": True, "epochs": 40},
    "variational": {"network": "variational", "epochs": 80},
}


@dataclass(frozen=True)
class Method:
    """What is done after which autoencoder, and what others report of it."""

    encoder: str = ""
    clusters: dict[str, Any] | None = None
    elsewhere: tuple[float | None, float | None, float | None] = (None, None, None)
    seeds: int = 1
    untrained: bool = False


def dec(epochs: int, objective: Any = "dec", **options: Any) -> dict[str, Any]:
    return {"objective": objective, "max_epochs": epochs, "augmentation": DRAWN, **options}


NEIGHBOURS = {
    # A little reconstruction keeps the decoder beside the encoder, so that the centres can be drawn.
    "objective": Objective(agreement=1.0, balance=5.0, reconstruction=0.1),
    "augmentation": RECOGNISED,
    "batch_size": 512,
    "decay": True,
    "tol": 0.0,
}
CONTRASTED = Objective(divergence=1.0, contrast=0.1)

METHODS: dict[str, Method] = {
    "k-means on pixels": Method(elsewhere=(0.532, None, None)),
    "autoencoder + k-means, fully connected": Method("fully connected"),
    "DEC, fully connected": Method("fully connected", dec(80), (0.962, 0.905, 0.919)),
    "IDEC, fully connected": Method("fully connected", dec(60, "idec"), (0.956, None, None)),
    "DEC and contrast, fully connected": Method("fully connected", dec(30, CONTRASTED)),
    "autoencoder + k-means, convolutional": Method("convolutional"),
    "DEC, convolutional": Method("convolutional", dec(40), (0.791, None, None)),
    "IDEC, convolutional": Method("convolutional", dec(25, "idec"), (0.822, None, None)),
    "autoencoder + k-means, attention": Method("convolutional, attention"),
    "DEC, attention": Method("convolutional, attention", dec(40)),
    "autoencoder + k-means, variational": Method("variational"),
    "DEC, variational": Method("variational", dec(80)),
    "end to end, fully connected": Method("fully connected", dec(70, "end-to-end", tol=0.0), untrained=True),
    BEST: Method("small", {**NEIGHBOURS, "max_epochs": 150}, seeds=3),
}


class Workplace:
    """The digits, and the folder of what is done."""

    def __init__(self, data: Path | None, folder: Path, share: float, device: str) -> None:
        self.rows, self.classes, self.shape = read_digits(data)
        self.folder, self.share, self.device = folder, share, device
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "results.json"
        self.about = {"data": data.name if data else "digits of scikit-learn", "share": share, "rows": len(self.rows)}
        kept = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {"about": self.about}
        if kept["about"] != self.about:
            raise SystemExit(f"error: {folder} holds results of {kept['about']}; choose another folder, or --again")
        self.results: dict[str, Any] = kept.get("results", {})

    def keep(self, name: str, entry: dict[str, Any]) -> None:
        """Note a result, so that it stays even if the next step is cut off."""
        self.results[name] = entry
        write(self._file, json.dumps({"about": self.about, "results": self.results}, indent=1).encode())

    def epochs(self, n_epochs: int) -> int:
        """Return how many of so many epochs are wanted."""
        return max(1, round(self.share * n_epochs))

    def encoder(self, name: str, seed: int, untrained: bool) -> tuple[AutoencoderFeatures, float]:
        """Return an autoencoder and the minutes that its training took; it is trained once."""
        options = {**ENCODERS[name]}
        n_epochs = 0 if untrained else self.epochs(options.pop("epochs"))
        options.pop("epochs", None)
        model = AutoencoderFeatures(
            10,
            **options,
            epochs=n_epochs,
            image_shape=self.shape,
            augmentation=DRAWN,
            device=self.device,
            random_state=seed,
            progress=told(f"autoencoder, {name}, seed {seed}"),
        )
        if untrained:
            return model.fit(self.rows), 0.0
        key = f"autoencoder, {name}, seed {seed}"
        path = self.folder / f"{slug(key)}.checkpoint"
        if key in self.results and path.exists():
            model = load_checkpoint(path.read_bytes())
        else:
            start = time.perf_counter()
            model.fit(self.rows)
            write(path, save_checkpoint(model))
            self.keep(key, {"minutes": (time.perf_counter() - start) / 60})
        return model.set_params(device=self.device), self.results[key]["minutes"]


def write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


def told(what: str) -> Any:
    """Tell of each epoch on standard error."""
    start = time.perf_counter()

    def tell(done: int, total: int, loss: float) -> None:
        left = (time.perf_counter() - start) / done * (total - done) / 60
        end = "\n" if done == total else ""
        print(f"\r{what}: epoch {done} of {total}, loss {loss:.4f}, {left:.1f} min left  ", end=end, file=sys.stderr)

    return tell


def run(place: Workplace, name: str, seed: int) -> dict[str, Any]:
    """Do what a method does with a seed; draw it; return its figures."""
    method, centers, epochs, pretraining = METHODS[name], None, 0, 0.0
    if not method.encoder:
        start = time.perf_counter()
        found = KMeans(N_CLUSTERS, n_init=20, random_state=seed).fit(place.rows)
        labels, centers = found.labels_, found.cluster_centers_
    else:
        encoder, pretraining = place.encoder(method.encoder, seed, method.untrained)
        start = time.perf_counter()
        if method.clusters is None:
            found = KMeans(N_CLUSTERS, n_init=20, random_state=seed).fit(encoder.transform(place.rows))
            labels, centers = found.labels_, encoder.inverse_transform(found.cluster_centers_)
        else:
            options = {**method.clusters, "max_epochs": place.epochs(method.clusters["max_epochs"])}
            label = f"{name}, seed {seed}"
            model = DEC(N_CLUSTERS, encoder=encoder, random_state=seed, progress=told(label), **options)
            labels, epochs = model.fit_predict(place.rows), model.n_iter_
            centers = drawn_members(model, place.rows, labels)
    minutes = (time.perf_counter() - start) / 60
    draw(place, f"{slug(name)}-{seed}", labels, centers)
    return {
        "accuracy": clustering_accuracy(place.classes, labels),
        "nmi": float(normalized_mutual_info_score(place.classes, labels)),
        "ari": float(adjusted_rand_score(place.classes, labels)),
        "minutes": minutes,
        "pretraining": pretraining,
        "epochs": epochs,
    }


def drawn_members(model: DEC, rows: Any, labels: Any) -> Any:
    """Draw the mean of each cluster's members: a centre may lie beyond them, where the decoder has never been."""
    features, means = model.encoder_.transform(rows), model.cluster_centers_.copy()
    for c in np.unique(labels):
        means[c] = features[labels == c].mean(axis=0)
    return model.encoder_.inverse_transform(means)


def matched(classes: Any, labels: Any) -> tuple[Any, Any]:
    """Order of the clusters that puts most on the diagonal; the confusion matrix, a row a class, a column a cluster."""
    counts = np.zeros((N_CLUSTERS, N_CLUSTERS), np.int64)
    np.add.at(counts, (classes, labels), 1)
    return linear_sum_assignment(-counts)[1], counts


def draw(place: Workplace, name: str, labels: Any, centers: Any) -> None:
    order, counts = matched(place.classes, labels)
    write_picture(place.folder / f"{name}-confusion.png", confusion_picture(counts[:, order]))
    tiles = np.clip(centers[order].reshape(-1, *place.shape), 0, 1)
    write_picture(place.folder / f"{name}-centres.png", tiles_picture(tiles))


def write_picture(path: Path, picture: Any) -> None:
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise SystemExit(f"error: the picture {path} could not be encoded")
    write(path, data.tobytes())


def confusion_picture(counts: Any, cell: int = 44) -> Any:
    """Classes from top to bottom, clusters from left to right, darker for more, with the numbers."""
    side = cell * (len(counts) + 1)
    canvas = np.full((side, side), 255, np.uint8)
    for row, col in np.ndindex(counts.shape):
        share = counts[row, col] / max(1, counts[row].sum())
        top, left = (row + 1) * cell, (col + 1) * cell
        canvas[top : top + cell - 1, left : left + cell - 1] = round(255 - 200 * share)
        put(canvas, str(counts[row, col]), left + 3, top + 27, 255 if share > 0.6 else 0)
    for number in range(len(counts)):
        put(canvas, str(number), 14, (number + 1) * cell + 27, 0)
        put(canvas, f"c{number}", (number + 1) * cell + 10, 27, 0)
    return canvas


def put(canvas: Any, text: str, x: int, y: int, level: int) -> None:
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, level, 1, cv2.LINE_AA)


def tiles_picture(tiles: Any, side: int = 84, margin: int = 4) -> Any:
    canvas = np.full((side + 2 * margin, len(tiles) * (side + margin) + margin), 64, np.uint8)
    for number, tile in enumerate(tiles):
        left = margin + number * (side + margin)
        large = cv2.resize(tile, (side, side), interpolation=cv2.INTER_NEAREST)
        canvas[margin : margin + side, left : left + side] = np.rint(large * 255).astype(np.uint8)
    return canvas


def line_of(name: str, entries: list[dict[str, Any]]) -> str:
    """Line of the table: medians over the seeds."""
    medians = {column: float(np.median([entry[column] for entry in entries])) for column in entries[0]}
    figures = "".join(f"{medians[column]:10.4f}" for column in ("accuracy", "nmi", "ari"))
    others = "".join("         -" if value is None else f"{value:10.3f}" for value in METHODS[name].elsewhere)
    return (
        f"{name:<42}{len(entries):>3}{figures}{medians['minutes']:9.1f}{medians['pretraining']:9.1f}"
        f"{medians['epochs']:8.0f}{others}"
    )


def check(done: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Hold what is there against what is wanted of it."""

    def median(name: str, column: str = "accuracy") -> float:
        return float(np.median([entry[column] for entry in done[name]]))

    said = []
    if BEST in done:
        figures = (median(BEST), median(BEST, "nmi"))
        said.append(f"{BEST}: accuracy {figures[0]:.4f} (0.962 wanted), NMI {figures[1]:.4f} (0.905 wanted)")
    if "k-means on pixels" in done:
        floor = median("k-means on pixels") + 0.05
        low = [name for name in done if name != "k-means on pixels" and median(name) < floor]
        said.append(f"0.05 above k-means on pixels, {floor:.4f}: " + (f"not {'; '.join(low)}" if low else "all"))
    for kind in ("fully connected", "convolutional", "attention", "variational"):
        before, after = f"autoencoder + k-means, {kind}", f"DEC, {kind}"
        if before in done and after in done:
            said.append(f"{after}: {median(after) - median(before):+.4f} against its autoencoder + k-means")
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FILE.npz", help="images and labels [scikit-learn's digits]")
    parser.add_argument("-o", "--output", type=Path, default=Path("deep-clustering"), metavar="DIR")
    parser.add_argument("--only", nargs="+", default=[""], metavar="PART", help="methods whose name contains one")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="of all epochs: 0.05 for a quick try")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--again", action="store_true", help="forget what is done")
    args = parser.parse_args()
    if args.again:
        for path in [*args.output.glob("*.checkpoint"), *args.output.glob("results.json")]:
            path.unlink()
    place = Workplace(args.data, args.output, args.share, args.device)
    height, width = place.shape
    print(f"{len(place.rows)} digits of {height} x {width} pixels")
    columns = ("accuracy", "NMI", "ARI"), ("minutes", "before"), ("epochs",), ("accuracy", "NMI", "ARI")
    heads = [f"{column:>{size}}" for size, group in zip((10, 9, 8, 10), columns, strict=True) for column in group]
    print(f"{'method':<42}{'n':>3}{''.join(heads)}  (last three: others, on 70,000)")
    done: dict[str, list[dict[str, Any]]] = {}
    for name, method in METHODS.items():
        if not any(part in name for part in args.only):
            continue
        for seed in range(method.seeds):
            key = f"{name}, seed {seed}"
            if key not in place.results:
                place.keep(key, run(place, name, seed))
            done.setdefault(name, []).append(place.results[key])
        print(line_of(name, done[name]), flush=True)
        if method.seeds > 1:
            for seed, entry in enumerate(done[name]):
                figures = (f"{column} {entry[column]:.4f}" for column in ("accuracy", "nmi", "ari"))
                print(f"    seed {seed}: {', '.join(figures)}, {entry['minutes'] + entry['pretraining']:.1f} minutes")
    for sentence in check(done):
        print(sentence)


if __name__ == "__main__":
    main()
