"""A network of a learner's own as text, so that a record or a checkpoint of another one is not taken for it."""

import inspect
from collections.abc import Iterator

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
            try:
                yield inspect.getsource(function)
            except OSError:  # typed into a bare interpreter
                yield function.__code__.co_code.hex()
