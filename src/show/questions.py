"""A dozen questions to the quick experiment, each one line to run, with the answer of the records folded away."""

import functools
from dataclasses import dataclass

import torch

from src.checks import Checked
from src.experiments import QUICK, AdamW, OneCycle
from src.runs.names import alternatives, changes_of

SEEDS = range(5)


@dataclass(frozen=True)
class Question:
    """What is asked, and the settings that answer it: several values of one field, or changes by label."""

    ask: str
    field: str | None
    choices: list | dict

    @property
    def changes(self) -> dict[str, dict]:
        """What each setting changes of the quick experiment, by label."""
        return changes_of(QUICK, self.field, self.choices) if self.field else self.choices

    @property
    def line(self) -> str:
        """The line of code that asks it."""
        given = [f'"{self.field}"'] * bool(self.field) + [_code(self.choices)]
        return f"{'sweep' if self.field else 'choose'}(QUICK, {', '.join(given)})"


# fmt: off
QUESTIONS = [
    Question("Do small batches or large ones teach more?", "batch_size", [32, 64, 128, 256, 512]),
    Question("Which activation follows a convolution best?", "activation", ["ReLU", "GELU", "SiLU", "Tanh", "Sigmoid"]),
    Question("How large should the first kernels be?", "layer_line",
             ["C24 3x16s2 32 P 64 2x10", QUICK.layer_line, "C24 7x16s2 32 P 64 t10"]),
    Question("Deep and narrow, or shallow and wide?", "layer_line",
             ["C24 5x16s2 20p 20p 20 P 28p 32 2x10", QUICK.layer_line, "C24 5x28s2 P 76 3x10"]),
    Question("Pool early, late, or over the whole map?", "layer_line",
             ["C24 5x16s2 P 32 64 t10", QUICK.layer_line, "C24 5x16s2 32 64 P 3x10", "C24 5x16s2 32 P 64 G t10"]),
    Question("Dropout or augmentation?", None,
             {"augmentation": {}, "dropout": dict(augmentation=None, channel_dropout=0.1),
              "neither": dict(augmentation=None), "both": dict(channel_dropout=0.1)}),
    Question("Is batch normalization needed?", "batch_normalization", ["hidden", "none"]),
    Question("How much weight decay?", "optimizer",
             [AdamW(0.0), AdamW(), AdamW(0.1), AdamW(1.0)]),
    Question("Is another optimizer better at the same rate?", "optimizer",
             [AdamW(), torch.optim.Adam, torch.optim.RMSprop, functools.partial(torch.optim.SGD, momentum=0.9)]),
    Question("How high may the learning rate climb?", "schedule",
             [OneCycle(peak, 0.2) for peak in (0.003, 0.01, 0.02, 0.05, 0.1)]),
    Question("What do fewer training images cost?", "train_images", [1_000, 5_000, 20_000, 60_000]),
    Question("What do wrong labels cost?", "wrong_labels", [0.0, 0.05, 0.2, 0.5]),
]
# fmt: on
ASKED = list(dict.fromkeys(each for question in QUESTIONS for each in alternatives(QUICK, question.changes).values()))


def ready_questions() -> None:
    """Display the questions, each with its line to run and the answer of the committed records folded away."""
    from src.show.notebook import show  # late: the catalogue of experiments needs nothing of notebooks

    parts = []
    for number, question in enumerate(QUESTIONS, start=1):
        parts.append(f"**{number}. {question.ask}** `{question.line}`\n\n{_folded(question)}")
    show("\n\n".join(parts))


def _folded(question):
    from src.runs.records import RESULTS, recorded
    from src.show.sweep import answer, base_of
    from src.show.tables import interval, lines_of, values

    found = {
        label: list(recorded(experiment, SEEDS, RESULTS, quiet=True).values())
        for label, experiment in alternatives(QUICK, question.changes).items()
    }
    if any(len(records) < len(SEEDS) for records in found.values()):
        return "*The records have no answer of today's code: run the line.*"
    rows = [
        {
            "setting": label,
            "parameters": f"{records[0].parameters:,}",
            "test %": interval(values(records, "test accuracy")),
        }
        for label, records in found.items()
    ]
    header, *cells = (" | ".join(row) for row in lines_of(rows))
    table = "\n".join(f"| {row} |" for row in [header, "--- | ---: | ---:", *cells])
    summary = "The answer of the records: predict first, then unfold."
    _, sentence = answer(found, base_of(question.changes))
    return f"<details><summary>{summary}</summary>\n\n{table}\n\n{sentence}\n\n</details>"


def _code(value: object) -> str:  # as it is typed in a notebook
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_code(label)}: {_arguments(change)}' for label, change in value.items())}}}"
    if isinstance(value, functools.partial):
        return f"partial({_code(value.func)}, {', '.join(f'{key}={each!r}' for key, each in value.keywords.items())})"
    if isinstance(value, type):
        return f"torch.optim.{value.__name__}"
    if isinstance(value, Checked):
        return f"{type(value).__name__}({', '.join(map(_code, vars(value).values()))})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _arguments(change: dict) -> str:
    return f"dict({', '.join(f'{field}={_code(value)}' for field, value in change.items())})" if change else "{}"
