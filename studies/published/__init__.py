"""Five public experiment logs as data: each step's network and recipe, and what its log reported.

What a log says of a recipe is used here. Where it is silent, PUBLISHED_CHOICES are what was compared
on the validation split; the rest was set by hand. A nineteenth step is one more entry of STEPS."""

from dataclasses import dataclass, replace

from src.augment import Augmentation
from src.experiments import AdamW, Constant, Experiment, OneCycle
from studies.recipes import SGD, Adam, Plateau, Recipe, StepDecay, changed, compared


@dataclass(frozen=True)
class Step:
    """One step of a log: what it is here, and what the log reported, of the best epoch of one run."""

    experiment: Experiment
    parameters: int  # as reported; Keras adds the running statistics of batch normalization
    train: float  # accuracy while learning, in percent
    test: float | None  # accuracy on the 10,000 test images, in percent; None: not given
    adds: str  # what the step adds to the one before

    @property
    def log(self) -> str:
        """The letter of the log that the step belongs to."""
        return self.experiment.name[0]


# Where a log names a technique without its numbers.
ONE_CYCLE = OneCycle(peak=0.02, warmup_fraction=0.2)
AUGMENTATION = Augmentation(rotation=10, translation=2, scale=0.1)

# fmt: off
A1 = Recipe(name="A1", target=(), layer_line="8 16 16 t8 P 8 8 7x10", schedule=Constant(0.01), epochs=15,
            optimizer=SGD(), batch_normalization="hidden", bias="all")
A2 = replace(A1, name="A2", layer_line="10 16 24 t20 P 20 3x10 G", schedule=OneCycle(peak=0.01, warmup_fraction=0.2),
             optimizer=AdamW(), dropout=0.02)
A3 = replace(A2, name="A3", layer_line="16 16 t12 P 12 14 16 G t10", schedule=ONE_CYCLE, augmentation=AUGMENTATION)

B1 = replace(A1, name="B1", layer_line="16 16 32 P 32 10 G t20 t10", epochs=20, batch_size=64,
             batch_normalization="none", bias="none")
B2 = replace(B1, name="B2", layer_line="8 8 P 16 16 32 G t10")
B3 = replace(B2, name="B3", batch_normalization="hidden", relu_before_bn=True, dropout=0.1)
B4 = replace(B3, name="B4", layer_line="8 8 P 16 16 32 G t20 t10", epochs=15,
             schedule=StepDecay(0.01, step_size=3, gamma=0.75), augmentation=Augmentation(rotation=8))

C1 = Recipe(name="C1", target=(), layer_line="16 32 32 P 32 64 128 5x10", schedule=Constant(0.001), epochs=15,
            batch_size=64)
C2 = replace(C1, name="C2", layer_line="8 20 20 P t10 12 20 t10 G", schedule=Constant(0.002),
             batch_normalization="all", bias="none")
C3 = replace(C2, name="C3", dropout=0.01, augmentation=AUGMENTATION)
C4 = replace(C3, name="C4", schedule=ONE_CYCLE)

D1 = replace(A1, name="D1", layer_line="16 32 32 P t16 32 32 t10 G", schedule=Constant(0.0025), batch_size=64,
             batch_normalization="none", bias="none", augmentation=Augmentation(rotation=7))
D2 = replace(D1, name="D2", layer_line="12 12 12 P 10 10 10 16 G t10", schedule=Constant(0.01),
             batch_normalization="hidden", dropout=0.03)
D3 = replace(D2, name="D3", layer_line="8 8 10 P 10 10 16 20 G t10", batch_normalization="all", dropout=0.003,
             schedule=StepDecay(0.02, step_size=4, gamma=0.2), optimizer=Adam(weight_decay=0.0004),
             augmentation=replace(AUGMENTATION, cutout=3))

E1 = replace(A1, name="E1", layer_line="32 64 t32 P 64 128 256 512 t10 4x10", epochs=6, batch_size=64,
             schedule=OneCycle(peak=0.001, warmup_fraction=0.2), optimizer=Adam(), batch_normalization="none")
E2 = replace(E1, name="E2", layer_line="12 20 t10 P 20 20 t10 12 12 4x10", schedule=Constant(0.001), epochs=25)
E3 = replace(E2, name="E3", epochs=15, batch_normalization="3x3", keep_best=True)
E4 = replace(E3, name="E4", schedule=Plateau(0.01, patience=3, gamma=0.4), epochs=32, batch_size=128,
             optimizer=AdamW(weight_decay=0.05), dropout=0.1, dropout_after="3x3")
# fmt: on

STEPS = {
    step.experiment.name: step
    for step in [
        Step(A1, 8_930, 99.76, 99.18, "set-up, batch normalization"),
        Step(A2, 11_146, 99.32, 99.08, "global average pooling, dropout, more channels"),
        Step(A3, 7_892, 98.87, 99.45, "pooling moved to receptive field 5, image augmentation, learning rate"),
        Step(B1, 19_552, 99.07, 98.99, "a plain network under 20,000 parameters"),
        Step(B2, 9_032, 98.98, 98.85, "under 10,000 parameters"),
        Step(B3, 9_192, 99.19, 99.29, "batch normalization, dropout"),
        Step(B4, 9_752, 98.86, 99.39, "rotation, a learning rate that falls in steps"),
        Step(C1, 147_658, 99.81, 99.14, "a capable architecture"),
        Step(C2, 8_952, 99.35, 99.38, "fewer channels, global average pooling, batch normalization"),
        Step(C3, 8_952, 99.14, 99.41, "dropout, image augmentation"),
        Step(C4, 8_952, 99.22, 99.47, "learning-rate schedule"),
        Step(D1, 28_624, 98.00, 98.47, "set-up, rotation"),
        Step(D2, 7_344, 99.17, 99.22, "under 8,000 parameters, more layers, batch normalization, dropout"),
        Step(D3, 7_872, 99.23, 99.50, "cutout, dropout on all layers, Adam, a learning rate that falls in steps"),
        Step(E1, 1_595_316, 99.93, None, "a vanilla network, channels doubling"),
        Step(E2, 12_490, 99.71, None, "fewer kernels, a transition in the middle without pooling"),
        Step(E3, 12_874, 99.74, 99.28, "batch normalization, learning rate, the epoch best on validation"),
        Step(E4, 12_874, 99.45, 99.45, "dropout after every 3x3, learning rate lowered on a plateau, larger batches"),
    ]
}
LAST_OF_LOGS = list({step.log: step.experiment for step in STEPS.values()}.values())  # of each log


def of_log(steps: dict[str, Step], log: str) -> dict[str, Step]:
    """Return the steps of one log, in order: name -> Step."""
    return {name: step for name, step in steps.items() if step.log == log}


# What was chosen among where a log is silent, on the validation split: changes to the step chosen.
# fmt: off
_CHANGES = {
    A2: {
        "step": dict(schedule=StepDecay(0.005, step_size=5, gamma=0.2)),
        "constant": dict(schedule=Constant(0.001)),
        "SGD": dict(schedule=Constant(0.01), optimizer=SGD()),
        "SGD-more-dropout": dict(schedule=Constant(0.01), optimizer=SGD(), dropout=0.05),
    },
    A3: {
        "less-dropout": dict(dropout=0.01),
        "SGD": dict(schedule=replace(A3.schedule, peak=0.1), optimizer=SGD(), dropout=0.01),
        "SGD-less-augmentation": dict(schedule=replace(A3.schedule, peak=0.1), optimizer=SGD(), dropout=0.05,
                                      augmentation=Augmentation(7, 1, 0.05)),
    },
    C4: {"SGD": dict(schedule=replace(C4.schedule, peak=0.05), optimizer=SGD(), dropout=0.03,
                     augmentation=Augmentation(7, 1))},
    D3: {
        "less-decay": dict(optimizer=Adam(weight_decay=0.0001), dropout=0.005),
        "more-decay": dict(optimizer=Adam(weight_decay=0.001)),
        "no-decay": dict(schedule=StepDecay(0.01, step_size=3, gamma=0.4), optimizer=Adam(), dropout=0.005,
                         augmentation=Augmentation(10, 1, 0.1, cutout=3)),
        "rotation": dict(schedule=StepDecay(0.01, step_size=6, gamma=0.1), batch_size=128, optimizer=Adam(),
                         dropout=0.01, augmentation=Augmentation(rotation=7, cutout=5)),
        "one-cycle": dict(schedule=ONE_CYCLE, batch_size=128, optimizer=AdamW(), dropout=0.0,
                          augmentation=AUGMENTATION),
    },
    E3: {"rate-0.003": dict(schedule=Constant(0.003))},
    E4: {
        "less-patience": dict(schedule=Plateau(0.01, patience=2, gamma=0.3)),
        "more-patience": dict(schedule=Plateau(0.01, patience=4, gamma=0.5)),
        "Adam": dict(schedule=Plateau(0.01, patience=2, gamma=0.5), optimizer=Adam(), dropout=0.05),
    },
}
# fmt: on
PUBLISHED_CHOICES = {step: changed(step, changes) for step, changes in _CHANGES.items()}

GROUPS = {"published": [step.experiment for step in STEPS.values()], "published-choices": compared(PUBLISHED_CHOICES)}
NEEDED = {"test": {"published": 0}, "validation": {"published-choices": 1}}  # a new step may have no records yet
RESPLIT = LAST_OF_LOGS


def note(experiment: Experiment) -> str | None:
    """Say what the log of a published step reported; None for any other experiment."""
    if step := STEPS.get(experiment.name):
        test = "not given" if step.test is None else f"{step.test} %"
        numbers = f"{step.parameters:,} parameters by the log's count, train {step.train} % while learning, test {test}"
        return f"published        {numbers}: {step.adds}"
    return None
