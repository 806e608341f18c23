"""Image augmentation on whole batches: one batch in, one batch out, every image with its own random map."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from src.checks import Checked, within


@dataclass(frozen=True)
class Augmentation(Checked):
    """Ranges of the random affine map, from whose [-range, range] each image draws uniformly, and cutout."""

    rotation: float = within(0, 180, default=0.0)  # degrees
    translation: float = within(0, 28, default=0.0)  # pixels, horizontally and vertically on their own
    scale: float = within(0, 0.9, default=0.0)  # fraction: 0.1 draws factors from 0.9 to 1.1
    cutout: int = within(0, 28, default=0)  # pixels: side of a square that is set to zero, anywhere in the image
    until: float = within(0, 1, default=1.0)  # fraction of the training; from then on images are left as they are

    def __str__(self):
        parts = [(self.rotation, f"±{self.rotation:g}°"), (self.translation, f"±{self.translation:g} pixels")]
        parts += [(self.scale, f"±{100 * self.scale:g} %"), (self.cutout, f"cutout {self.cutout}x{self.cutout}")]
        parts += [(self.until < 1, f"clean after {100 * self.until:g} % of the training")]
        return ", ".join(words for used, words in parts if used) or "nothing"


def augment(
    images: torch.Tensor,
    augmentation: Augmentation,
    draws: torch.Tensor | None = None,
    background: float = 0.0,
) -> torch.Tensor:
    """Apply one random affine map and one cutout per image (N, C, H, W) float.

    draws: (4, N) from 0 to 1 of the map; by default from torch's global generator. background: what comes in from
    beyond the border, and what is cut out."""
    if background:
        return background - augment(background - images, augmentation, draws)
    if augmentation.rotation or augmentation.translation or augmentation.scale:
        draws = torch.rand(4, len(images), device=images.device) if draws is None else draws
        angle, shift_x, shift_y, scale = draws * 2 - 1
        angle, factor = angle * augmentation.rotation, 1 + scale * augmentation.scale
        shift_x, shift_y = (each * augmentation.translation for each in (shift_x, shift_y))
        images = affine(images, angle, shift_x, shift_y, factor)
    if augmentation.cutout:
        height, width = images.shape[-2:]
        row = torch.randint(height, (len(images),), device=images.device)
        column = torch.randint(width, (len(images),), device=images.device)
        images = cut_out(images, row, column, augmentation.cutout)
    return images


def affine(
    images: torch.Tensor,
    angle: torch.Tensor,
    shift_x: torch.Tensor,
    shift_y: torch.Tensor,
    scale: torch.Tensor,
) -> torch.Tensor:
    """Rotate, scale and shift each image about its centre, bilinearly, zeros beyond the border.

    images: (N, C, H, W) float. The other four are (N,) float: degrees counter-clockwise, pixels
    to the right, pixels downwards, and the factor by which the content grows."""
    height, width = images.shape[-2:]
    each = (torch.deg2rad(angle), shift_x, shift_y, scale)
    radians, shift_x, shift_y, scale = (value[:, None, None] for value in each)
    cos, sin = torch.cos(radians) / scale, torch.sin(radians) / scale
    # The map from output to input: undo the shift, then rotate back and shrink.
    x = torch.linspace(-1, 1, width, device=images.device) * (width - 1) / width
    y = (torch.linspace(-1, 1, height, device=images.device) * (height - 1) / height)[:, None]
    from_x = x * cos - y * (sin * height / width) - (cos * shift_x - sin * shift_y) * 2 / width
    from_y = x * (sin * width / height) + y * cos - (sin * shift_x + cos * shift_y) * 2 / height
    grid = torch.stack([from_x, from_y], dim=1).permute(0, 2, 3, 1)  # F.affine_grid() is slower
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def cut_out(images: torch.Tensor, row: torch.Tensor, column: torch.Tensor, side: int) -> torch.Tensor:
    """Set one square of side x side pixels in each image to zero, as far as it lies inside (arXiv:1708.04552).

    images: (N, C, H, W) float; row, column: (N,) integers, the centre, or right of it and below for an even side."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - (row - side // 2)[:, None]
    columns = torch.arange(width, device=images.device) - (column - side // 2)[:, None]
    inside = ((rows >= 0) & (rows < side))[:, None, :, None] & ((columns >= 0) & (columns < side))[:, None, None, :]
    return images.masked_fill(inside, 0)
