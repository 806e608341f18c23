"""What the recipe was chosen among, on the validation split; and Model4 shortened, for one run in a hurry."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL3, MODEL4
from src.studies.ladder import MAX_POOLED, SCHEDULED, UNDROPPED

# The fewest epochs after which the mean of three seeds reached 99.4 % on the validation split, on two cores.
MODEL4_SHORT = replace(MODEL4, name="Model4-short", target=(), epochs=8, ghost_batches=2)
FIVE_EPOCHS = replace(MODEL4_SHORT, name="Model4-short-5-epochs", epochs=5)

SLOWER = replace(MODEL4.schedule, peak=0.01)
FASTER = replace(MODEL4.schedule, peak=0.03)
LESS_AUGMENTATION = Augmentation(7, 1.5, 0.07)

# Each list holds changes to the experiment before it.
CHOICES = {
    UNDROPPED: [
        replace(UNDROPPED, name="Undropped-rate-0.01", schedule=SLOWER),
        replace(UNDROPPED, name="Undropped-rate-0.03", schedule=FASTER),
        replace(UNDROPPED, name="Undropped-less-augmentation", augmentation=LESS_AUGMENTATION),
        replace(UNDROPPED, name="Undropped-more-augmentation", augmentation=Augmentation(15, 3, 0.15)),
        SCHEDULED,
        replace(UNDROPPED, name="Undropped-padded", layer_line="8 12 P 16p 16p P 18p G t10"),
        MODEL4,
        MAX_POOLED,
    ],
    MODEL4_SHORT: [
        replace(MODEL4_SHORT, name="Model4-short-7-epochs", epochs=7),
        replace(MODEL4_SHORT, name="Model4-short-6-epochs", epochs=6),
        FIVE_EPOCHS,
    ],
    FIVE_EPOCHS: [
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.01", schedule=SLOWER),
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.03", schedule=FASTER),
        replace(FIVE_EPOCHS, name="Model4-short-batch-64", batch_size=64),
        replace(FIVE_EPOCHS, name="Model4-short-less-augmentation", augmentation=LESS_AUGMENTATION),
    ],
    MODEL3: [replace(MODEL3, name="Model3-rate-0.003", target=(), schedule=replace(MODEL3.schedule, rate=0.003))],
}
