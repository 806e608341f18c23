"""Values that cannot be wrong: a dataclass that checks the type and the range of its fields when it is made."""

import dataclasses
import re
from numbers import Integral, Real
from typing import Any

from src import InputError


def within(low: float, high: float, **default: float) -> Any:
    """Declare a dataclass field for a number from low to high; a whole number if the field's type is int."""
    return dataclasses.field(metadata={"range": (low, high)}, **default)


def one_of(*choices: str, **default: str) -> Any:
    """Declare a dataclass field for one of several words."""
    return dataclasses.field(metadata={"choices": choices}, **default)


def check_number(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """Raise InputError, naming the value and its range, unless it is a (whole) number from low to high."""
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # nan compares as False
        kind = "whole number" if whole else "number"
        raise InputError(f"{name} must be a {kind} from {low:,} to {high:,}, not {value!r}.")


class Checked:
    """A base for frozen dataclasses; making one raises InputError that names the field that is wrong."""

    def __post_init__(self) -> None:
        """Check every field against its type, and against its range or choices if it declares them."""
        for field in dataclasses.fields(self):
            name, value = f"{type(self).__name__}.{field.name}", getattr(self, field.name)
            if field.type in (int, float):
                check_number(name, value, *field.metadata["range"], whole=field.type is int)
            elif not isinstance(value, field.type):
                kind = getattr(field.type, "__name__", None) or re.sub(r"\w+\.", "", str(field.type))
                raise InputError(f"{name} must be of type {kind}, not {value!r}.")
            elif value not in field.metadata.get("choices", (value,)):
                choices = ", ".join(map(repr, field.metadata["choices"]))
                raise InputError(f"{name} must be one of {choices}, not {value!r}.")
