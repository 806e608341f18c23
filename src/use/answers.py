"""What a network reads in a picture, in words and for programs; and a picture of what it sees."""

import io
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import nn

from src.pictures.doubt import surety
from src.pictures.opening import OWN, Picture
from src.pictures.reading import from_picture
from src.runs import files
from src.training import predict


@dataclass(frozen=True)
class Answer:
    """The digits in a picture, from left to right, as a network reads them."""

    images: torch.Tensor  # (N, 1, 28, 28) uint8: each digit as the network sees it
    probabilities: torch.Tensor  # (N, 10)
    doubted: tuple[bool, ...]  # for each: it may be no digit

    @property
    def text(self) -> str:
        """Return the digits, "42" for example."""
        return "".join(map(str, self.probabilities.argmax(dim=1).tolist()))

    @property
    def confidences(self) -> list[float]:
        """Return the probability of each digit, fractions of 1."""
        return self.probabilities.amax(dim=1).tolist()

    def __str__(self):
        (first, second), (_, other) = (values.tolist() for values in self.probabilities[0].topk(2))
        if len(self.text) == 1:
            said = f"{self.text}, confidence {100 * first:.1f} %; next {other}, {100 * second:.1f} %"
        else:
            each = "; ".join(f"{d}, {100 * c:.1f} %" for d, c in zip(self.text, self.confidences, strict=True))
            said = f"{self.text}, confidence {100 * prod(self.confidences):.1f} %; digit by digit {each}"
        if not any(self.doubted):
            return said
        which = (
            "this" if len(self.text) == 1 else f"one of {len(self.text)}, the {self.text[self.doubted.index(True)]},"
        )
        return f"{which} may be no digit; else {said}"

    def values(self) -> dict:
        """Return JSON values: the answer, None where a digit may be none, and what was read digit by digit."""
        each = zip(self.text, self.confidences, self.doubted, strict=True)
        digits = [{"digit": int(d), "confidence": round(c, 4), "may_be_no_digit": no} for d, c, no in each]
        answer = None if any(self.doubted) else self.text
        return {"answer": answer, "confidence": round(prod(self.confidences), 4), "digits": digits}


def answer(network: nn.Module, picture: Picture) -> Answer:
    """Return what a network reads in a picture. Raises InputError as from_picture() does."""
    images = from_picture(picture)
    probabilities = predict(network, images).softmax(dim=1).cpu()
    return Answer(images, probabilities, tuple((surety(images) < 0).tolist()))


def write_seen(images: torch.Tensor, name: str) -> Path:
    """Write images (N, 1, 28, 28) side by side, ten times enlarged, as NAME-seen.png beside the picture NAME.

    Nothing is overwritten: where there is another such file, NAME-seen-2.png is written. Returns where. Raises
    InputError if it cannot be written."""
    content, about = io.BytesIO(), PngImagePlugin.PngInfo()
    about.add_text(OWN, "python -m src predict --show")
    row = np.concatenate(list(images[:, 0].numpy()), axis=1)
    seen = Image.fromarray(row).resize((10 * row.shape[1], 10 * row.shape[0]), Image.Resampling.NEAREST)
    seen.save(content, "PNG", pnginfo=about)
    path = Path("picture" if name == "-" else name)
    names = (path.with_name(f"{path.stem}-seen{'' if k == 1 else f'-{k}'}.png") for k in range(1, 10_000))
    path = next(p for p in names if not p.exists() or p.is_file() and p.read_bytes() == content.getvalue())
    files.write(path, content.getvalue())
    return path
