"""What is each technique worth? One step at a time up to Model4, and Model4 without one of its techniques."""

from dataclasses import replace

from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4, Constant

PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization="none", schedule=Constant(0.003))
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, MODEL4]

NO_AUGMENTATION = replace(MODEL4, name="Model4-no-augmentation", target=(), augmentation=None)
DROPOUT = replace(MODEL4, name="Model4-dropout", target=(), channel_dropout=MODEL2.channel_dropout)

# Pairs of Model4 without and with one technique. All have its peak rate, but for Model3, whose rate is constant.
LEAVE_ONE_OUT = [
    (replace(MODEL4, name="Model4-no-normalization", target=(), batch_normalization="none"), MODEL4),
    (NO_AUGMENTATION, MODEL4),
    (MODEL3, MODEL4),
    (replace(MODEL4, name="Model4-no-pooling", target=(), layer_line=MODEL1.layer_line), MODEL4),
    (MODEL4, DROPOUT),
]
