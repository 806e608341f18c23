from dataclasses import replace
from functools import partial

import pytest
import torch

from src import data, training
from src.published import STEPS
from src.speed import usual

B4 = replace(STEPS["B4"].experiment, activation_dropout=0.0, augmentation=None)


def test_the_usual_loop_and_ours_see_the_same_images():
    images, labels = next(iter(usual.loader(B4, "test")))
    test = data.load("test")[: len(labels)]
    assert torch.equal(labels, test.labels)
    assert torch.allclose(images, data.normalize(test.images), atol=1e-5)


@pytest.fixture
def networks():
    """The two loops' networks with the same parameters, in double precision: in single precision, rounding
    decides which of the equal pixels of a blank background max pooling takes.
    """
    torch.manual_seed(0)
    theirs, ours = usual.network(B4).double(), training.make_network(B4, torch.device("cpu")).double()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def test_the_usual_loop_and_ours_compute_the_same_gradients_on_the_same_batch(networks):
    theirs, ours = networks
    for network in networks:
        network.register_forward_pre_hook(lambda network, images: images[0].double())
    images, labels = next(iter(usual.loader(B4, "test")))
    digits = data.load("test")[: len(labels)]
    still = torch.optim.SGD(theirs.parameters(), lr=0.0)
    mean_loss, accuracy = usual.train_epoch(theirs, still, [(images, labels)])
    loss, right = training.learn(ours.train(), digits.images.float(), digits.labels, len(labels))
    assert loss.item() == pytest.approx(mean_loss) and right.item() == pytest.approx(accuracy * len(labels))
    for name, parameter in theirs.named_parameters():
        assert torch.allclose(parameter.grad, ours.get_parameter(name).grad, atol=1e-5), name


def test_the_usual_network_drops_activations_with_the_library_module_at_our_rate():
    network = usual.network(STEPS["B4"].experiment)
    rates = [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert rates == [0.1] * 6
    assert sum(p.numel() for p in network.parameters()) == 9_752


def test_the_usual_loop_trains_and_says_what_it_reaches(monkeypatch):
    monkeypatch.setattr(usual, "loader", partial(usual.loader, images=500))
    experiment = replace(STEPS["B4"].experiment, epochs=2)
    (first, _), (second, accuracy) = usual.train(experiment, seed=0)
    assert 0 < first < second and 0.2 < accuracy <= 1
