"""What the recipe was chosen among, on the validation split; and Model4 shortened, for one run in a hurry."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL2, MODEL3, MODEL4
from src.studies.changed import changed
from src.studies.ladder import DROPOUT, NO_AUGMENTATION
from src.studies.rates import BY_RATE

STRONG = Augmentation(10, 2, 0.1)
TO_THE_END = replace(MODEL4.augmentation, until=1.0)

# The fewest epochs after which the mean of three seeds reached 99.4 % on the validation split, on two cores.
MODEL4_SHORT = replace(MODEL4, name="Model4-short", target=(), augmentation=STRONG, epochs=8, ghost_batches=2)
SHORTER = changed(MODEL4_SHORT, {f"{epochs}-epochs": dict(epochs=epochs) for epochs in (7, 6, 5)})
FIVE_EPOCHS = SHORTER[-1]

# Each list holds changes to the experiment before it.
CHOICES = {
    BY_RATE[MODEL3][MODEL3.schedule.rate]: changed(MODEL3, {"dropout": dict(channel_dropout=MODEL2.channel_dropout)}),
    BY_RATE[MODEL4][MODEL4.schedule.peak]: [
        DROPOUT,
        NO_AUGMENTATION,
        *changed(
            MODEL4,
            {
                "augmented-to-the-end": dict(augmentation=TO_THE_END),
                "more-augmentation": dict(augmentation=replace(STRONG, until=0.85)),
                "more-augmentation-to-the-end": dict(augmentation=STRONG),
                "max-pooling": dict(layer_line="8 10 P 12 13 15 15 P 2x10"),
            },
        ),
    ],
    MODEL4_SHORT: SHORTER,
    FIVE_EPOCHS: changed(
        replace(FIVE_EPOCHS, name=MODEL4_SHORT.name),  # their records have its name in theirs
        {
            "rate-0.01": dict(schedule=replace(MODEL4.schedule, peak=0.01)),
            "rate-0.03": dict(schedule=replace(MODEL4.schedule, peak=0.03)),
            "batch-64": dict(batch_size=64),
            "less-augmentation": dict(augmentation=TO_THE_END),
        },
    ),
}
