"""The usual loop is a fair opponent: it sees the same images, learns the same and is as good as ours."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from src import InputError, data, download
from src.runs.machine import make_network
from src.training import make_optimizer
from studies.sprint import B4, usual

STILL = replace(B4, dropout=0.0, augmentation=None)  # nothing random


def test_the_usual_loop_and_ours_see_the_same_images():
    images, labels = next(iter(usual.make_loader(STILL, "test")))
    test = data.load("test")[: len(labels)]
    assert torch.equal(labels, test.labels)
    assert torch.allclose(images, data.normalize(test.images), atol=1e-5)


def test_files_that_torchvision_does_not_read_are_one_sentence(tmp_path, monkeypatch):
    for path in (download.root() / "MNIST" / "raw").iterdir():
        (tmp_path / path.name).symlink_to(path.resolve())
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    with pytest.raises(InputError, match="torchvision needs MNIST/raw/train-images-idx3-ubyte"):
        usual.make_loader(STILL, "test")


@pytest.fixture
def networks():
    """The two loops' networks with the same parameters, in double precision: in single precision, rounding
    decides which of the equal pixels of a blank background max pooling takes.
    """
    torch.manual_seed(0)
    theirs, ours = usual.make_network(STILL).double(), make_network(STILL, torch.device("cpu")).double()
    ours.load_state_dict(theirs.state_dict())
    for network in (theirs, ours):
        network.register_forward_pre_hook(lambda network, images: images[0].double())
    return theirs, ours


def test_the_usual_loop_and_ours_compute_the_same_gradients_on_the_same_batch(networks):
    theirs, ours = networks
    images, labels = next(iter(usual.make_loader(STILL, "test")))
    digits = data.load("test")[: len(labels)]
    mean_loss, accuracy = usual.train_epoch(theirs, make_optimizer(STILL, theirs), [(images, labels)])
    epoch = next(STILL.fit(ours, STILL, digits, digits))
    assert (epoch.train_loss, epoch.train_accuracy) == pytest.approx((mean_loss, accuracy))
    for name, parameter in theirs.named_parameters():
        assert torch.allclose(parameter.grad, ours.get_parameter(name).grad, atol=1e-5), name


def test_the_usual_loop_lowers_its_learning_rate_as_ours_does(monkeypatch):
    rates = []
    monkeypatch.setattr(usual, "make_loader", partial(usual.make_loader, images=64))  # a batch per epoch
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    experiment, digits = replace(STILL, epochs=5), data.load("train")[:64]
    try:
        usual.train(experiment, seed=0)
    finally:
        hook.remove()
    ours = [epoch.learning_rate for epoch in STILL.fit(usual.make_network(experiment), experiment, digits)]
    assert rates == pytest.approx(ours)


def test_the_usual_loop_trains_and_says_what_it_reaches(monkeypatch):
    monkeypatch.setattr(usual, "make_loader", partial(usual.make_loader, images=500))
    (read, first, second, end), accuracy = usual.train(B4, seed=0, epochs=2)
    assert 0 < read < first < second < end and 0.2 < accuracy <= 1
