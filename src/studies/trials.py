"""What the recipe was chosen among, on the validation split; and Model4 shortened, for one run in a hurry."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL2, MODEL3, MODEL4
from src.studies.ladder import DROPOUT, NO_AUGMENTATION
from src.studies.rates import BY_RATE

STRONG = Augmentation(10, 2, 0.1)
TO_THE_END = replace(MODEL4.augmentation, until=1.0)

# The fewest epochs after which the mean of three seeds reached 99.4 % on the validation split, on two cores.
MODEL4_SHORT = replace(MODEL4, name="Model4-short", target=(), augmentation=STRONG, epochs=8, ghost_batches=2)
FIVE_EPOCHS = replace(MODEL4_SHORT, name="Model4-short-5-epochs", epochs=5)

# Each list holds changes to the experiment before it.
CHOICES = {
    BY_RATE[MODEL3][MODEL3.schedule.rate]: [
        replace(MODEL3, name="Model3-dropout", target=(), channel_dropout=MODEL2.channel_dropout)
    ],
    BY_RATE[MODEL4][MODEL4.schedule.peak]: [
        DROPOUT,
        NO_AUGMENTATION,
        replace(MODEL4, name="Model4-augmented-to-the-end", target=(), augmentation=TO_THE_END),
        replace(MODEL4, name="Model4-more-augmentation", target=(), augmentation=replace(STRONG, until=0.85)),
        replace(MODEL4, name="Model4-more-augmentation-to-the-end", target=(), augmentation=STRONG),
        replace(MODEL4, name="Model4-max-pooling", target=(), layer_line="8 10 P 12 13 15 15 P 2x10"),
    ],
    MODEL4_SHORT: [
        replace(MODEL4_SHORT, name="Model4-short-7-epochs", epochs=7),
        replace(MODEL4_SHORT, name="Model4-short-6-epochs", epochs=6),
        FIVE_EPOCHS,
    ],
    FIVE_EPOCHS: [
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.01", schedule=replace(MODEL4.schedule, peak=0.01)),
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.03", schedule=replace(MODEL4.schedule, peak=0.03)),
        replace(FIVE_EPOCHS, name="Model4-short-batch-64", batch_size=64),
        replace(FIVE_EPOCHS, name="Model4-short-less-augmentation", augmentation=TO_THE_END),
    ],
}
