"""What is each technique worth? One step at a time up to Model4, and Model4 without one of its techniques."""

from dataclasses import replace

from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4

PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization="none")
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
SCHEDULED = replace(MODEL3, name="Scheduled", target=(), schedule=MODEL4.schedule)
UNDROPPED = replace(SCHEDULED, name="Undropped", channel_dropout=MODEL4.channel_dropout)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, SCHEDULED, UNDROPPED, MODEL4]

# Pairs of Model4 without and with one technique, everything else as it is; last, the other network
# that might have become Model4.
MAX_POOLED = replace(MODEL4, name="Model4-max-pooling", target=(), layer_line="8 10 P 12 13 15 15 P 2x10")
LEAVE_ONE_OUT = [
    (replace(MODEL4, name="Model4-no-normalization", target=(), batch_normalization="none"), MODEL4),
    (replace(MODEL4, name="Model4-no-augmentation", target=(), augmentation=None), MODEL4),
    (replace(MODEL4, name="Model4-no-schedule", target=(), schedule=MODEL3.schedule), MODEL4),
    (replace(MODEL4, name="Model4-no-pooling", target=(), layer_line="8 10 P 12 14 16 15 4x10"), MODEL4),
    (MODEL4, replace(MODEL4, name="Model4-dropout", target=(), channel_dropout=MODEL3.channel_dropout)),
    (MAX_POOLED, MODEL4),
]
