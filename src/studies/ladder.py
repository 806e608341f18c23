"""What is each technique worth? One step at a time up to Model4, and Model4 without one of its techniques."""

from dataclasses import replace

from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4, Constant
from src.studies.changed import changed

PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization="none", schedule=Constant(0.003))
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, MODEL4]

NO_NORMALIZATION, NO_AUGMENTATION, NO_POOLING, DROPOUT = changed(
    MODEL4,
    {
        "no-normalization": dict(batch_normalization="none"),
        "no-augmentation": dict(augmentation=None),
        "no-pooling": dict(layer_line=MODEL1.layer_line),
        "dropout": dict(channel_dropout=MODEL2.channel_dropout),
    },
)

# Pairs of Model4 without and with one technique. All have its peak rate, but for Model3, whose rate is constant.
LEAVE_ONE_OUT = [
    (NO_NORMALIZATION, MODEL4),
    (NO_AUGMENTATION, MODEL4),
    (MODEL3, MODEL4),
    (NO_POOLING, MODEL4),
    (MODEL4, DROPOUT),
]
