"""What is a learner's own, as text, so that a record or a checkpoint of another one is not taken for it."""

import functools
import inspect
from collections.abc import Callable, Iterator

from torch import nn


def describe(network: nn.Module) -> str:
    """Return the modules of a network, and the source of the methods of classes that torch does not bring along."""
    classes = dict.fromkeys(base for module in network.modules() for base in type(module).__mro__)
    own = [each for each in classes if each.__module__.split(".")[0] not in ("builtins", "torch")]
    return "\n".join([str(network), *(source for each in own for source in _methods(each))])


def _methods(cls: type) -> Iterator[str]:  # the source of each; where none is kept, its bytecode
    for member in vars(cls).values():
        function = getattr(member, "__func__", member)  # of a static method or a class method
        if inspect.isfunction(function):
            yield _source(function)


def in_words(value: Callable) -> str:
    """Return a class of torch with its settings as it is called, SGD(momentum=0.9); of a function its source."""
    if isinstance(value, functools.partial):
        settings = [*map(repr, value.args), *(f"{name}={setting!r}" for name, setting in value.keywords.items())]
        return f"{value.func.__name__}({', '.join(settings)})"
    return value.__name__ if inspect.isclass(value) else _source(value)


def _source(function):
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):  # typed into a bare interpreter; or none of Python's
        return function.__code__.co_code.hex() if hasattr(function, "__code__") else type(function).__name__
