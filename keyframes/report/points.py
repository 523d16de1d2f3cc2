"""Predicted points over a picture, as a drawing that can be hidden: the picture itself stays as it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.manifest import Manifest
from keyframes.report.page import text

# Radius of a point and width of a bone, as shares of the width of the picture.
RADIUS, BONE = 0.009, 0.005


def drawn_points(points: NDArray[np.float32], manifest: Manifest) -> str:
    """Return an SVG of the points (n_animals, n_nodes, 2) of a frame, to lie over its picture."""
    video, names = manifest["video"], manifest["predictions"]["keypoints"]
    width = video["width"]
    parts = []
    for own in points:
        seen = np.isfinite(own).all(axis=1)
        for one, other in manifest["predictions"]["skeleton"]:
            if seen[one] and seen[other]:
                (x1, y1), (x2, y2) = own[one], own[other]
                parts.append(
                    f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{BONE * width:.2f}"/>'
                )
        for node in np.flatnonzero(seen).tolist():
            x, y = own[node]
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS * width:.2f}" '
                f'style="--node:{node_hue(node, len(names))}"><title>{text(names[node])}</title></circle>'
            )
    return (
        f'<svg class="points" viewBox="0 0 {width} {video["height"]}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def node_hue(node: int, n_nodes: int) -> int:
    """Hue of a node in degrees, the nodes evenly spread."""
    return 360 * node // max(1, n_nodes)


def listed_points(points: NDArray[np.float32] | None) -> list[Any]:
    """Return the points (n_animals, n_nodes, 2) of a frame as lists for the scripts of a page; None if missing."""
    if points is None:
        return []
    rounded: Any = np.round(points.astype(np.float64), 1).tolist()
    seen: Any = np.isfinite(points).all(axis=-1).tolist()
    return [
        [point if is_seen else None for point, is_seen in zip(*animal, strict=True)]
        for animal in zip(rounded, seen, strict=True)
    ]
