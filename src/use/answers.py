"""What a network reads in a picture, in words and for programs; and a picture of what it sees."""

import io
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import nn

from src import InputError
from src.contract import check_logits
from src.data import MNIST, DataSet, data_of, is_handwriting
from src.pictures.doubt import surety
from src.pictures.opening import OWN, Picture, as_it_is
from src.pictures.reading import from_picture
from src.runs import files
from src.training import predict

INVERTED = 0.5  # so far from those that were learned is the mean brightness, 0 to 1, of a picture that is inverted


@dataclass(frozen=True)
class Answer:
    """The digits in a picture, from left to right, as a network reads them; of other data than MNIST, its classes."""

    images: torch.Tensor  # (N, 1, 28, 28) uint8: each digit as the network sees it
    probabilities: torch.Tensor  # (N, classes)
    doubted: tuple[bool, ...]  # for each: it may be no digit
    of: DataSet = MNIST  # what the network learned from

    @property
    def names(self) -> list[str]:
        """Return the class of each digit."""
        return [self.of.classes[label] for label in self.probabilities.argmax(dim=1).tolist()]

    @property
    def text(self) -> str:
        """Return the digits, "42" for example; names of more than one letter, "Shirt, Bag" for example."""
        return ("" if max(map(len, self.of.classes)) == 1 else ", ").join(self.names)

    @property
    def confidences(self) -> list[float]:
        """Return the probability of each digit, fractions of 1."""
        return self.probabilities.amax(dim=1).tolist()

    def __str__(self):
        (first, second), (_, other) = (values.tolist() for values in self.probabilities[0].topk(2))
        names, is_alone = self.names, len(self.images) == 1
        if is_alone:
            next_one = self.of.classes[other]
            said = f"{self.text}, confidence {100 * first:.1f} %; next {next_one}, {100 * second:.1f} %"
        else:
            each = "; ".join(f"{name}, {100 * c:.1f} %" for name, c in zip(names, self.confidences, strict=True))
            by = "digit by digit" if self.of.classes == MNIST.classes else "one by one"
            said = f"{self.text}, confidence {100 * prod(self.confidences):.1f} %; {by} {each}"
        if not any(self.doubted):
            return said
        doubtful = ", ".join(name for name, no in zip(names, self.doubted, strict=True) if no)
        which = "this" if is_alone else f"{sum(self.doubted)} of {len(names)} ({doubtful})"
        return f"{which} may be no digit; else {said}"

    def values(self) -> dict:
        """Return JSON values: the answer, None where a digit may be none, and what was read digit by digit.

        In the place of "digits" are "parts", each with its "class", where the classes are no digits."""
        answer = {"answer": None if any(self.doubted) else self.text, "confidence": round(prod(self.confidences), 4)}
        each = list(zip(self.names, (round(c, 4) for c in self.confidences), self.doubted, strict=True))
        if self.of.classes != MNIST.classes:
            return answer | {"parts": [{"class": name, "confidence": c} for name, c, _ in each]}
        return answer | {"digits": [{"digit": int(d), "confidence": c, "may_be_no_digit": no} for d, c, no in each]}


def answer(network: nn.Module, picture: Picture) -> Answer:
    """Return what a network reads in a picture. Raises InputError as from_picture() and check_logits() do.

    One that learned from handwriting reads all that is written; of another the whole picture is one answer. Only digits
    that are written are doubted."""
    of = data_of(network)
    images = from_picture(picture) if is_handwriting(of) else torch.tensor(as_it_is(picture))[None, None]
    if not is_handwriting(of) and abs(images.float().mean() / 255 - of.mean) > INVERTED:
        bright, dark = ("bright", "dark") if of.mean < 0.5 else ("dark", "bright")
        raise InputError(f"the picture is mostly {bright}, and the network learned from {dark} ones; invert it first.")
    probabilities = predict(network, images).softmax(dim=1).cpu()
    check_logits(probabilities, of)
    judged = is_handwriting(of) and of.classes == MNIST.classes
    doubted = (surety(images) < 0).tolist() if judged else [False] * len(images)
    return Answer(images, probabilities, tuple(doubted), of)


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
