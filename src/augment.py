"""Image augmentation on whole batches: one batch in, one batch out, every image with its own parameters."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random affine map; each image draws uniformly from [-range, range]."""

    rotation: float = 0.0  # degrees
    translation: float = 0.0  # pixels, horizontally and vertically on their own
    scale: float = 0.0  # fraction: 0.1 draws factors from 0.9 to 1.1

    def __str__(self):
        return f"±{self.rotation:g}°, ±{self.translation:g} pixels, ±{100 * self.scale:g} %"


def affine(images, angle, shift_x, shift_y, scale):
    """Rotate, scale and shift each image about its centre, bilinearly, zeros beyond the border.

    images: (N, C, H, W) float. The other four are (N,) float: degrees counter-clockwise, pixels to
    the right, pixels downwards, and the factor by which the content grows. Returns (N, C, H, W).
    """
    height, width = images.shape[-2:]
    radians = torch.deg2rad(angle)
    cos, sin = torch.cos(radians) / scale, torch.sin(radians) / scale
    # The map from output to input: undo the shift, then rotate back and shrink. Coordinates are in
    # pixels from the centre here; the grid below wants them in half-widths and half-heights.
    rows = torch.stack(
        [
            torch.stack([cos, -sin * height / width, -(cos * shift_x - sin * shift_y) * 2 / width], dim=1),
            torch.stack([sin * width / height, cos, -(sin * shift_x + cos * shift_y) * 2 / height], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augment(images, augmentation):
    """Apply one random affine map per image, drawn from torch's global generator of the device.

    images: (N, C, H, W) float; augmentation: an Augmentation. Returns (N, C, H, W).
    """
    draws = torch.rand(4, len(images), device=images.device) * 2 - 1
    return affine(
        images,
        angle=draws[0] * augmentation.rotation,
        shift_x=draws[1] * augmentation.translation,
        shift_y=draws[2] * augmentation.translation,
        scale=1 + draws[3] * augmentation.scale,
    )
