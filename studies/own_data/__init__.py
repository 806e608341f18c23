"""Does what helps on MNIST help on other data? The ladder's steps on two small folders of pictures.

Their recipes are those of MNIST, learning rates too; nothing is chosen on these pictures."""

import re
from dataclasses import replace

from src.experiments import Experiment
from studies.ladder import LADDER

# About a thousand steps of the optimizer, as many as two epochs take on MNIST's 60,000 images.
EPOCHS = 80


def on(data: str, name: str, classes: int) -> list[Experiment]:
    """Return the steps of the ladder on other data, with as many logits as it has classes."""
    how = dict(target=(), data=data, epochs=EPOCHS)
    lines = {step: re.sub(r"10$", str(classes), step.layer_line) for step in LADDER}
    return [replace(step, name=f"{name}-{step.name}", layer_line=lines[step], **how) for step in LADDER]


HANDS = on("folder:data/hands", "Hands", 10)
PRINTED = on("folder:data/printed", "Printed", 36)

GROUPS = {"hands": HANDS, "printed": PRINTED}
NEEDED = {"test": {"hands": 10, "printed": 10}, "validation": {}}
RESPLIT = []
BENCHES = {"hands": "studies.own_data.hands"}
