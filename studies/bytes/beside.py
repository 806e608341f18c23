"""Model4 in 8 bits beside ours: ONNX Runtime's own static quantization of the same trained network."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from src import data
from src.experiments import MODEL4
from src.training import predict
from src.use import weights
from src.use.export import export
from studies.bytes.calibrated import IMAGES
from studies.bytes.compiled import answers
from studies.bytes.export import program_of
from studies.bytes.source import constants, source
from studies.timing import machine


class _Images(CalibrationDataReader):
    """The training images that say how large each map becomes, a hundred at a time."""

    def __init__(self):
        self.batches: Iterator = iter(data.load("train").images[:IMAGES].split(100))

    def get_next(self) -> dict | None:
        """Return the next ones, or None."""
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch.numpy()}


def measure() -> dict:
    """Return what three forms of Model4, seed 0, get right of the test images, and how large they are."""
    test, network = data.load("test"), weights.load(MODEL4.name)
    images, labels = test.images.numpy(), test.labels.numpy()
    with tempfile.TemporaryDirectory() as folder:
        whole, rounded = Path(folder, "whole.onnx"), Path(folder, "rounded.onnx")
        export(network, MODEL4.name, whole)
        logging.disable(logging.WARNING)  # it advises a step that changes nothing here
        quantize_static(whole, rounded, _Images())
        logging.disable(logging.NOTSET)
        session = onnxruntime.InferenceSession(rounded, providers=["CPUExecutionProvider"])
        said = np.concatenate([session.run(None, {"images": part})[0] for part in np.array_split(images, 40)])
        sizes = whole.stat().st_size, rounded.stat().st_size
    of = program_of(network)
    ours = answers(source(of, MODEL4.name), images)
    forms = {"PyTorch": predict(network, test.images).numpy(), "ONNX Runtime, 8 bits": said, "C program, 8 bits": ours}
    right = {form: float((logits.argmax(axis=1) == labels).mean()) for form, logits in forms.items()}
    bytes_of = dict(zip(forms, [sizes[0], sizes[1], constants(of)], strict=True))
    return {
        "machine": machine(),
        "record": weights.record_hash(MODEL4.name),
        "onnxruntime": onnxruntime.__version__,
        "right": right,
        "bytes": bytes_of,
    }


def text(measured: dict) -> str:
    """Say what each form gets right, and where that was measured."""
    return f"{forms(measured)}; {measured['machine']}."


def forms(measured: dict) -> str:
    """Say what each form gets right."""
    return "; ".join(
        f"{form}: {100 * right:.2f} % in {measured['bytes'][form]:,} bytes" for form, right in measured["right"].items()
    )
