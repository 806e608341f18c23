"""Values that cannot be wrong: dataclasses that check their fields when they are made; Conditions make up a target."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
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
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # nan compares as False
        kind = "whole number" if whole else "number"
        raise InputError(f"{name} must be a {kind} from {low:,} to {high:,}, not {value!r}.")


class Checked:
    """A base for frozen dataclasses; making one raises InputError that names the field that is wrong."""

    def __post_init__(self) -> None:
        """Check every field against its type, and against its range or check if it declares one."""
        for field in dataclasses.fields(self):
            name, value = f"{type(self).__name__}.{field.name}", getattr(self, field.name)
            if field.type in (int, float):
                check_number(name, value, *field.metadata["range"], whole=field.type is int)
            elif not isinstance(value, field.type):
                kind = getattr(field.type, "__name__", None) or re.sub(r"\w+\.", "", str(field.type))
                raise InputError(f"{name} must be of type {kind}, not {value!r}.")
            elif "check" in field.metadata and not field.metadata["check"](value):
                raise InputError(f"{name} must be {field.metadata['words']}, not {' '.join(repr(value).split()):.60}.")


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
