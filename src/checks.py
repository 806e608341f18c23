"""Values that cannot be wrong: dataclasses that check their fields when they are made; Conditions make up a target."""

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from src import InputError


def within(low: float, high: float, **default: float) -> Any:
    """Declare a dataclass field for a number from low to high; a whole number if the field's type is int."""
    return dataclasses.field(metadata={"range": (low, high)}, **default)


def that_is(words: str, check: Callable[[Any], object], **default: Any) -> Any:
    """Declare a dataclass field for a value that passes a check, and the words for what it has to be."""
    return dataclasses.field(metadata={"check": check, "words": words}, **default)


def one_of(*choices: str, **default: str) -> Any:
    """Declare a dataclass field for one of several words."""
    return that_is(f"one of {', '.join(map(repr, choices))}", choices.__contains__, **default)


def check_number(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """Raise InputError, naming the value and its range, unless it is a (whole) number from low to high."""
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # nan compares as False
        kind = "whole number" if whole else "number"
        raise InputError(f"{name} must be a {kind} from {low:,} to {high:,}, not {value!r}.")


def nearest(word: object, words: Iterable[str]) -> str:
    """Return the words that are nearest to a word, the nearest first; all of them if none is near."""
    return ", ".join(get_close_matches(str(word), words, cutoff=0.5) or words)


def kind_of(value: object) -> str:
    """Say of a tensor or an array its dtype and shape, of anything else its type."""
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{getattr(value, 'dtype', type(value).__name__)}{shape}"


class ByName(dict):
    """Experiments by name; for another name [] raises InputError with the nearest ones."""

    def __missing__(self, name: object) -> None:
        raise InputError(f"no experiment {name!r}; choose for example {nearest(name, self)}.")


# What people write for a field, and what to write.
INSTEAD = dict.fromkeys(["learning_rate", "lr"], "schedule=Constant({!r}), with Constant from src.experiments")
INSTEAD["weight_decay"] = "optimizer=AdamW({!r}), with AdamW from src.experiments"
INSTEAD |= {
    name: f"Recipe(**vars(experiment) | dict({name}={{!r}})), with Recipe from studies.recipes"
    for name in ("quantization", "label_smoothing", "hardest", "keep_best", "ghost_batches")
}


class Checked:
    """A base for frozen dataclasses; making one raises InputError that names the field that is wrong."""

    def __new__(cls, *values: Any, **named: Any) -> "Checked":
        """Refuse a name that no field has, and a value that is missing; to copy and unpickle needs neither."""
        fields = {field.name: field.default for field in dataclasses.fields(cls)}
        for name, value in named.items():
            if name not in fields:
                words = INSTEAD[name].format(value) if name in INSTEAD else nearest(name, fields)
                raise InputError(f"{cls.__name__} has no field '{name}'; try {words}.")
        given = [*list(fields)[: len(values)], *named]
        lacking = [name for name, default in fields.items() if default is dataclasses.MISSING and name not in given]
        if given and lacking:
            raise InputError(f"{cls.__name__} needs {', '.join(lacking)}, too.")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Check every field against its type, and against its range or check if it declares one."""
        for field in dataclasses.fields(self):
            name, value = f"{type(self).__name__}.{field.name}", getattr(self, field.name)
            if field.type in (int, float):
                check_number(name, value, *field.metadata["range"], whole=field.type is int)
            elif "check" in field.metadata and not (isinstance(value, field.type) and field.metadata["check"](value)):
                raise InputError(f"{name} must be {field.metadata['words']}, not {' '.join(repr(value).split()):.60}.")
            elif not isinstance(value, field.type):
                kind = getattr(field.type, "__name__", None) or re.sub(r"\w+\.", "", str(field.type))
                raise InputError(f"{name} must be of type {kind}, not {value!r}.")


# What a target may speak of, in which unit: accuracies are those of the final network, on images as they are.
UNITS = {name: " %" for name in ["train accuracy", "test accuracy", "lowest of the last three epochs"]}
UNITS |= {"generalization gap": " points", "parameters": "", "epochs": ""}  # the gap is train minus test accuracy


@dataclass(frozen=True)
class Condition(Checked):
    """A part of a target, for example test accuracy >= 99.5."""

    quantity: str = one_of(*UNITS)
    relation: str = one_of("<", "<=", ">", ">=")
    bound: float = within(-1e9, 1e9)

    def __str__(self):
        return f"{self.quantity} {self.relation} {self.bound:,}{UNITS[self.quantity]}"
