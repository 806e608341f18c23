"""Many runs at once on a GPU, which one small network leaves idle for most of the time.

Every run has a stream of its own, where the step of a batch, recorded once as a CUDA graph, is replayed by a single
launch. What has no parameters (augmentation, a crop, deskewing) is computed for a whole epoch at once.
The draws are those of training.fit(), so that the numbers are those of single runs, up to rounding."""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F

from src import InputError, data
from src.augment import augment
from src.data import normalize
from src.experiments import Experiment
from src.model import count_parameters
from src.runs.fingerprint import fingerprint
from src.runs.machine import choose_device, make_network, reproducible
from src.runs.names import check_name
from src.runs.one import Run, check_run
from src.training import Epoch, evaluate, make_optimizer
from studies.catalogue import EXPERIMENTS
from studies.recipes import Plateau, Recipe, hardest_of, plan_recipe

AT_A_TIME = 24  # runs; of a GPU's memory each takes 0.2 GB, most of it for the images of an epoch
CHUNK = 10_000  # images that are prepared or evaluated at a time

Task = tuple[Experiment, int, str]  # with its seed and its split


def train_together(tasks: Iterable[Task], at_a_time: int = AT_A_TIME, device: str = "auto") -> Iterator[Run]:
    """Train experiments from seeds on splits, several at a time, and yield each Run when it is done.

    An epoch's seconds are its share of the time that it and those beside it took. A run that is interrupted starts
    anew, and one that diverges ends those beside it. Without a GPU the runs take turns. Raises InputError for runs
    that cannot be put side by side, before anything is trained, and for a loss that is no longer finite."""
    waiting, running, place = list(tasks), [], choose_device(device)
    for experiment, seed, split in waiting:
        check_name(experiment, EXPERIMENTS)
        check_run(seed, split, device)
        check_together(experiment)
    made_by = {each: fingerprint(each) for each in dict.fromkeys(experiment for experiment, _, _ in waiting)}
    digits = functools.cache(lambda split: data.load(split).to(place))  # shared by the runs
    with reproducible():
        while waiting or running:
            while waiting and len(running) < at_a_time:
                experiment, seed, split = waiting.pop(0)
                parts = digits(data.TRAINED_ON[split]), digits(split)
                running.append(_Member(experiment, seed, split, *parts, place, made_by[experiment]))
            start, cpu_start = time.perf_counter(), time.process_time()
            for one in running:
                one.begin_epoch()
            for i in range(max(len(one.batches) for one in running)):
                for one in running:
                    one.replay(i)
            figures = [one.end_epoch() for one in running]
            spent = time.perf_counter() - start, time.process_time() - cpu_start
            seconds = [each / len(running) for each in spent]
            for one, values in zip(running, figures, strict=True):
                one.history.append(Epoch(len(one.history) + 1, *values, *seconds))
            yield from (one.run() for one in running if len(one.history) == one.experiment.epochs)
            running = [one for one in running if len(one.history) < one.experiment.epochs]


def check_together(experiment: Experiment) -> None:
    """Raise InputError for an experiment whose runs cannot be put side by side."""
    techniques = [
        name
        for name in ("channel_dropout", "dropout", "keep_best", "network", "quantization")
        if getattr(experiment, name, 0)
    ]
    techniques += ["fewer train_images"] * (experiment.train_images < 60_000)
    techniques += ["wrong_labels"] * bool(experiment.wrong_labels)
    techniques += ["other data than MNIST"] * (experiment.data != data.MNIST.name)
    techniques += ["ghost_batches"] * (experiment.ghost_batches > 1)
    techniques += ["cutout"] * bool(experiment.augmentation and experiment.augmentation.cutout)
    techniques += ["a rate that waits for its accuracies"] * isinstance(experiment.schedule, Plateau)
    if techniques:
        raise InputError(f"{experiment.name} cannot be trained together: it has {', '.join(techniques)}.")


class _Draws:
    """The random generator of one run on a device, as it is when this is made, beside those of others."""

    def __init__(self, device: torch.device):
        self.generator = torch if device.type == "cpu" else torch.get_device_module(device)
        self.state = self.generator.get_rng_state()

    def __call__(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function that draws from torch's global generator, with this run's."""
        self.generator.set_rng_state(self.state)
        result = function(*arguments, **options)
        self.state = self.generator.get_rng_state()
        return result


class _Member:
    """One run among others: what stays at its place in memory, so that a recorded step finds it there."""

    def __init__(self, experiment, seed, split, train_digits, test_digits, place, made_by):
        self.experiment, self.seed, self.split, self.place, self.made_by = experiment, seed, split, place, made_by
        self.recipe = Recipe(**vars(experiment))  # every Experiment is one
        self.train_digits, self.test_digits = train_digits, test_digits
        self.history, self.hardest, self.graphs = [], None, {}
        self.stream = torch.cuda.Stream() if place.type == "cuda" else None
        torch.manual_seed(seed)
        self.network = make_network(experiment, place)
        self.draw = _Draws(place)
        free = next(i for i, child in enumerate(self.network) if count_parameters(child))
        self.prepare, self.learned = self.network[:free], self.network[free:]
        self.network.train()
        self.optimizer = make_optimizer(experiment, self.network)
        self.rate = torch.zeros((), device=place)
        for group in self.optimizer.param_groups:
            group.update(lr=self.rate, capturable=True)
        if self.stream:
            self.stream.wait_stream(torch.cuda.current_stream())  # there network and digits were made
        with self.on_stream(), torch.no_grad():
            images = self.prepare(normalize(train_digits.images[:1]))
            self.images = images.new_zeros(len(train_digits), *images.shape[1:])
            self.labels = torch.zeros_like(train_digits.labels)
            self.losses = images.new_zeros(len(train_digits))
            most = math.ceil(len(train_digits) / experiment.batch_size)
            self.rates, self.loss_sum, self.correct = images.new_zeros(most), images.new_zeros(()), self.labels.sum()
            self.place_in_epoch = torch.zeros(1, dtype=torch.int64, device=place)  # of the next batch's first image
            self.step_in_epoch = torch.zeros_like(self.place_in_epoch)

    def on_stream(self):
        return torch.cuda.stream(self.stream) if self.stream else contextlib.nullcontext()

    def begin_epoch(self):
        """Draw what an epoch shows, in the order of training.fit(), and prepare its images."""
        with self.on_stream(), torch.no_grad():
            self.draw(self._begin_epoch)

    def _begin_epoch(self):
        everything = torch.arange(len(self.train_digits), device=self.place)
        shown = everything if self.hardest is None else self.hardest
        self.batches = list(plan_recipe(self.recipe, len(self.history), shown))
        self.order = torch.cat([batch.indices for batch in self.batches])
        rates = [batch.learning_rate for batch in self.batches]
        self.rates[: len(rates)] = torch.tensor(rates, device=self.place)
        turned = [batch.indices for batch in self.batches if batch.augmented]
        draws = [torch.rand(4, len(indices), device=self.place) for indices in turned]
        draws = torch.cat(draws, dim=1).split(CHUNK, dim=1) if draws else []
        for start, order in zip(range(0, len(self.order), CHUNK), self.order.split(CHUNK), strict=True):
            images = self.train_digits.images[order].float()
            if start // CHUNK < len(draws):
                part = draws[start // CHUNK]
                turned = augment(images[: part.shape[1]], self.recipe.augmentation, part)
                images = torch.cat([turned, images[part.shape[1] :]])
            self.images[start : start + len(order)] = self.prepare(normalize(images))
        self.labels[: len(self.order)] = self.train_digits.labels[self.order]
        for sum_or_place in (self.loss_sum, self.correct, self.place_in_epoch, self.step_in_epoch):
            sum_or_place.zero_()

    def replay(self, i):
        """Take the step of batch number i of this epoch, if it has so many."""
        if i >= len(self.batches):
            return
        size = len(self.batches[i].indices)
        with self.on_stream():
            if not self.stream:
                self.step(size)
                return
            if size not in self.graphs:
                self.graphs[size] = self.record(size)
            self.graphs[size].replay()

    def record(self, size):
        """Record the step of a batch of this size, and leave everything as it was before."""
        kept = [self.loss_sum, self.correct, self.place_in_epoch, self.step_in_epoch, self.losses, self.rate]
        before = [tensor.clone() for tensor in [*kept, *self._state()]]
        self.place_in_epoch.zero_()
        self.step_in_epoch.zero_()
        for _ in range(3):  # what libraries set up in their first calls must not be recorded
            self.step(size)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()
        torch.cuda.current_stream().synchronize()
        graph.capture_begin()  # torch.cuda.graph() would collect all garbage first
        self.step(size)
        graph.capture_end()
        now = [*kept, *self._state()]
        before += [torch.zeros_like(tensor) for tensor in now[len(before) :]]  # the optimizer's, which are new
        for tensor, value in zip(now, before, strict=True):
            tensor.copy_(value)
        return graph

    def _state(self):  # the tensors of network and optimizer, always in the same order
        moments = [
            value
            for parameter in self.network.parameters()
            for value in self.optimizer.state[parameter].values()
            if isinstance(value, torch.Tensor)
        ]
        return [tensor.detach() for tensor in self.network.state_dict().values()] + moments

    def step(self, size):
        """Do for the next batch what the loop of training.fit() does."""
        batch = self.place_in_epoch + torch.arange(size, device=self.place)
        labels = self.labels[batch]
        self.rate.copy_(self.rates[self.step_in_epoch].squeeze())

        logits = self.learned(self.images[batch])
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

        self.loss_sum += loss.detach() * size
        self.correct += (logits.argmax(dim=1) == labels).sum()
        if self.recipe.hardest < 1:
            self.losses[batch] = F.cross_entropy(logits.detach(), labels, reduction="none")
        self.place_in_epoch += size
        self.step_in_epoch += 1

    def end_epoch(self):
        """Return the figures of this epoch and its last learning rate; keep its hardest images."""
        with self.on_stream(), torch.no_grad():
            if self.recipe.hardest < 1 and not self.history:
                sizes = [len(batch.indices) for batch in self.batches]
                parts = zip(self.batches, self.losses.split(sizes), strict=True)
                share = self.recipe.hardest
                self.hardest = torch.cat([hardest_of(batch.indices, losses, share) for batch, losses in parts])
            train_figures = self.loss_sum.item() / len(self.order), self.correct.item() / len(self.order)
            if not math.isfinite(train_figures[0]):
                raise InputError(f"{self.experiment.name}, seed {self.seed}: the loss is no longer finite.")
            test_figures = evaluate(self.predict(self.test_digits.images), self.test_digits.labels)
            return *train_figures, *test_figures, self.rate.item()

    def predict(self, images):
        self.network.eval()
        logits = torch.cat([self.network(normalize(part)) for part in images.split(CHUNK)])
        self.network.train()
        return logits

    def run(self) -> Run:
        """Return the Run when its epochs are done."""
        with self.on_stream(), torch.no_grad():
            train_logits = self.predict(self.train_digits.images)
            _, train_accuracy = evaluate(train_logits, self.train_digits.labels)
            logits = self.predict(self.test_digits.images).cpu()
            what = (self.experiment, self.seed, self.split, self.place.type, 1, tuple(self.history))
            self.network.learned_from = self.test_digits.of
            test_digits = self.test_digits.to(torch.device("cpu"))
            return Run(*what, train_accuracy, logits, self.network, self.made_by, test_digits)
