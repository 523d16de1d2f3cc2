"""Other views of a picture that show the same thing: moved, turned, stretched, slanted, lit otherwise."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """How far a view may differ from its picture; every view draws anew, evenly within these bounds.

    Parameters
    ----------
    shift : float
        Of the picture's width and height, to either side.
    rotation : float
        Degrees, to either side.
    scale : float
        Share by which the picture grows or shrinks, width and height apart.
    shear : float
        Slant: horizontal shift for each step down, to either side.
    brightness : float
        Share by which the values grow or shrink.
    """

    shift: float = 0.1
    rotation: float = 10.0
    scale: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return a view of each picture of images (n, channels, height, width).

        Parameters
        ----------
        images : Tensor
        generator : torch.Generator
            On the processor, wherever the pictures are, so that every device sees the same views.
        """
        if images.device.type == "mps":
            # It cannot carry a picture's border on.
            return self(images.cpu(), generator).to(images)
        n_images = len(images)

        def drawn(bound: float, n_columns: int = 1) -> Tensor:
            return (torch.rand(n_images, n_columns, generator=generator) * 2 - 1) * bound

        turn = torch.deg2rad(drawn(self.rotation))[:, 0]
        slant, shift, size = drawn(self.shear)[:, 0], 2 * drawn(self.shift, 2), 1 + drawn(self.scale, 2)
        light = 1 + drawn(self.brightness)
        # Places are from -1 to 1 along both sides; turning must know how long these are.
        height, width = images.shape[2:]
        cosine, sine, aspect = torch.cos(turn), torch.sin(turn), height / width
        # The map leads from the view to the picture: a turn after a slant after a change of size.
        across = torch.stack([cosine * size[:, 0], (cosine * slant - sine) * aspect * size[:, 1], shift[:, 0]], dim=1)
        down = torch.stack([sine / aspect * size[:, 0], (sine * slant + cosine) * size[:, 1], shift[:, 1]], dim=1)
        places = functional.affine_grid(
            torch.stack([across, down], dim=1).to(images), list(images.shape), align_corners=False
        )
        views = functional.grid_sample(images, places, padding_mode="border", align_corners=False)
        return views * light.to(images)[:, :, None, None] if self.brightness else views
