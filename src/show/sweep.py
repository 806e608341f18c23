"""Which setting is best? An experiment with several values of one, on the same seeds: a picture and a sentence."""

import re
from collections.abc import Iterable
from dataclasses import fields

from matplotlib.figure import Figure

from src import InputError
from src.checks import nearest
from src.experiments import Experiment
from src.runs.names import alternatives, changes_of, check_name
from src.show import figures
from src.show.compare import checked, records_of, say
from src.show.significance import effect, mean_interval
from src.show.tables import Records, differences


def sweep(experiment: Experiment, field: str, choices: Iterable, seeds: Iterable[int] = range(5)) -> Figure:
    """Train an experiment with each value of a field, such as "batch_size"; draw the accuracies and say what is shown.

    Values are compared with the experiment's own, or with the first one if that is not among them. Runs are found or
    trained as compare() does. Raises InputError for an unknown field, a refused value and fewer than two values."""
    check_name(experiment)
    names = [each.name for each in fields(experiment)]
    if field not in names:
        raise InputError(f"an experiment has no setting {field!r} to sweep; try {nearest(field, names)}.")
    of = f"{field.replace('_', ' ')} of {experiment.name}"
    return choose(experiment, changes_of(experiment, field, choices), seeds, of)


def choose(
    experiment: Experiment, changes: dict[str, dict], seeds: Iterable[int] = range(5), of: str = "choice"
) -> Figure:
    """Do as sweep() with changes of several fields: a label -> the fields that change, {} for the experiment itself."""
    if not isinstance(changes, dict) or not all(isinstance(change, dict) for change in changes.values()):
        raise InputError("say what each label changes: choose(QUICK, {'as it is': {}, 'large': dict(batch_size=512)}).")
    changed = {field for change in changes.values() for field in change}
    if changed & {"name", "target", "epochs", "data"}:
        raise InputError("a setting changes neither name, target nor data; runs of unequal length get no verdict.")
    if experiment.network and (
        unread := changed & {"layer_line", "activation", "batch_normalization", "channel_dropout"}
    ):
        raise InputError(f"a network of one's own does not read {', '.join(sorted(unread))}; change its class.")
    experiments, seeds = alternatives(experiment, changes), checked(seeds)
    if len(experiments) < 2:
        raise InputError("give at least two different values, so that there is something to compare.")
    found = iter(records_of([(each, seed) for each in experiments.values() for seed in seeds]))
    records_by_label = {label: [next(found) for _ in seeds] for label in experiments}
    base = base_of(changes)
    words, sentence = answer(records_by_label, base)
    say(sentence)
    title = f"Does the {of} matter? Against {base}: {words}"
    return figures.save(figures.choices(records_by_label, base, title), re.sub(r"\W+", "-", f"sweep-{of}") + ".png")


def base_of(changes: dict[str, dict]) -> str:
    """Return the label that the others are compared with: that of no change, or the first."""
    return next((label for label, change in changes.items() if not change), next(iter(changes)))


def answer(records_by_label: Records, base: str) -> tuple[str, str]:
    """Say which settings differ from a base beyond chance, in a few words and in a sentence with the differences.

    The 95 % intervals are widened for the number of comparisons."""
    words = {"helps": "better", "hurts": "worse", "no difference shown": "no difference shown"}
    kinds, seeds, comparisons = {}, len(records_by_label[base]), len(records_by_label) - 1
    if seeds < 3:
        return "too few seeds to tell", "Three seeds are the fewest that tell a change from chance: seeds=range(5)."
    for label, records in records_by_label.items():
        if label != base:
            paired = differences(records_by_label[base], records)
            mean, half_width = mean_interval(paired, comparisons=comparisons)
            shown = words[effect(paired, comparisons=comparisons)]
            kinds.setdefault(shown, {})[label] = f"{label} ({mean:+.2f} ± {half_width:.2f} points)"
    parts = [f"{kind}: {', '.join(kinds[kind].values())}" for kind in words.values() if kind in kinds]
    widened = f", intervals widened for {comparisons} comparisons" * (comparisons > 1)
    short = [f"{kind}: {', '.join(kinds[kind])}" for kind in ("better", "worse") if kind in kinds]
    sentence = f"Against {base}, on {seeds} seeds (95 %{widened}): {'; '.join(parts)}."
    return "; ".join(short) or "no difference shown", sentence
