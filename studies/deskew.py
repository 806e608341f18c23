"""Deskewing: every digit upright and in the middle, before the first convolution sees it, without a parameter."""

import torch
import torch.nn.functional as F
from torch import nn


class Deskew(nn.Module):
    """Shear each image until the second moment of its ink between x and y is zero, and centre it: no parameters.

    LeCun et al., Gradient-based learning applied to document recognition, 1998, deskew the digits so for classifiers
    that cannot afford to learn it."""

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Take and return (N, 1, H, W) floats; the lowest value of each image is taken as its background."""
        background = images.amin(dim=(1, 2, 3), keepdim=True)
        ink = images - background
        y, x = (torch.linspace(1 / size - 1, 1 - 1 / size, size, device=images.device) for size in images.shape[-2:])
        share = ink / ink.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
        across, down = share.sum(dim=(1, 2)), share.sum(dim=(1, 3))  # (N, W) and (N, H): the ink of columns and rows
        middle_x, middle_y = (across * x).sum(dim=1), (down * y).sum(dim=1)
        spread = (down * y * y).sum(dim=1) - middle_y**2
        together = ((share.squeeze(1) * x).sum(dim=2) * y).sum(dim=1) - middle_x * middle_y
        slant = together / spread.clamp_min(1e-6)
        from_x = middle_x[:, None, None] + slant[:, None, None] * y[:, None] + x
        from_y = (middle_y[:, None, None] + y[:, None]).expand_as(from_x)
        grid = torch.stack([from_x, from_y], dim=3)
        return F.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + background
