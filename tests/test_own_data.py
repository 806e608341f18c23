"""Data of one's own: an experiment, its records, figures and comparisons know what they are of."""

import json
import re
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from src import InputError, data
from src.augment import Augmentation, augment
from src.data import MNIST, Digits
from src.datasets import named
from src.experiments import MODEL4, QUICK
from src.model import check_layer_line
from src.runs import one, records, several
from src.runs.names import changes
from src.runs.one import run_one, train
from src.show import compare as comparing
from src.show import figures
from src.show.compare import compare
from src.show.notebook import report
from src.show.rates import rates
from src.show.sweep import choose, sweep
from src.training import fit, predict

LETTERS = tuple("ABCDEFGHIJKL")
SMALL = replace(MODEL4, name="own", target=(), layer_line="8 P P G t12", epochs=2, batch_size=16, data="given:x")


def digits_of(split, count, classes=12):
    """Real digits under other labels, 0 to classes - 1, half as bright."""
    some = data.load(split)[:count]
    labels = torch.arange(count) % classes
    return Digits(some.images // 2, labels)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    for module in (one, several, comparing):
        monkeypatch.setattr(module, "RUNS", tmp_path)
    monkeypatch.setattr(figures, "save", partial(figures.save, folder=tmp_path / "images"))
    monkeypatch.setattr(named, "GIVEN", {})
    return tmp_path


@pytest.fixture
def own():
    return named.given(digits_of("train", 120), digits_of("test", 48), LETTERS)


def test_data_is_mnist_by_default_and_then_in_no_definition():
    assert QUICK.data == "MNIST" and "data" not in records.definition(QUICK)
    fashion = replace(QUICK, name="fashion", data="FashionMNIST")
    assert records.definition(fashion)["data"] == "FashionMNIST" and changes(QUICK, fashion) == [
        "data: MNIST → FashionMNIST"
    ]


@pytest.mark.parametrize("name", ["Fashion", "mnist", "folder:", "my-pictures", "gives"])
def test_an_unknown_name_of_data_is_refused_with_those_that_there_are(name):
    with pytest.raises(
        InputError, match=rf"Experiment.data must be MNIST, FashionMNIST, .*'folder:PATH'.*not '{name}'"
    ):
        replace(QUICK, data=name)


@pytest.mark.parametrize("line, last, right", [(QUICK.layer_line, "2x10", "2x26"), (MODEL4.layer_line, "t10", "t26")])
def test_a_layer_line_with_another_number_of_classes_is_told_the_last_word_to_write(line, last, right):
    said = f"ends in 10 maps of 1x1, but EMNIST-letters has 26 classes; write '{right}' for its last word '{last}'"
    with pytest.raises(InputError, match=said):
        replace(MODEL4, name="letters", layer_line=line, data="EMNIST-letters")
    wide = re.sub("10$", "26", line)
    assert replace(MODEL4, name="letters", layer_line=wide, data="EMNIST-letters").layer_line == wide


def test_a_layer_line_for_a_folder_may_end_in_any_number_until_the_folder_is_read():
    assert replace(MODEL4, name="mine", layer_line="8 G t7", data="folder:somewhere").layer_line == "8 G t7"
    with pytest.raises(InputError, match="folder:somewhere has 5 classes; write 't5' for its last word 't7'"):
        check_layer_line("8 G t7", 5, "folder:somewhere")


def test_a_run_on_given_digits_says_so_and_its_record_reads_back_without_them(own, runs):
    run = train(SMALL, digits=own, quiet=True)
    assert run.experiment.data == f"given:{own[0].of.hash}" and run.test_digits.of == own[0].of
    record = run.record
    assert record.data_hash == own[0].of.hash != MNIST.hash and record.classes == LETTERS
    assert record.definition["data"] == run.experiment.data
    assert sum(record.right) == round(48 * record.final.test_accuracy)
    records.save(record, runs)
    named.GIVEN.clear()
    assert records.load(records.path_of(runs, "own", 0)) == record
    with pytest.raises(InputError, match="was given in another process; give it again: named.given"):
        train(run.experiment)


def test_the_same_digits_have_the_same_name_and_others_another(own):
    again = named.given(digits_of("train", 120), digits_of("test", 48), LETTERS)
    assert again[0].of == own[0].of
    for other in [named.given(own[0][:100], own[1]), named.given(*own, tuple("abcdefghijkl"))]:
        assert other[0].of.hash != own[0].of.hash
    assert named.given(own[0][:100], own[1])[0].of.classes == LETTERS  # they know it


def test_mean_and_deviation_come_from_the_training_pixels_and_predict_uses_them(own):
    pixels = own[0].images.double() / 255
    assert own[0].of.mean == pytest.approx(pixels.mean().item(), abs=1e-4)
    assert own[0].of.std == pytest.approx(pixels.std().item(), abs=1e-4)
    run = train(SMALL, digits=own, quiet=True)
    scaled = (own[1].images.float() / 255 - own[0].of.mean) / own[0].of.std
    assert torch.allclose(run.network.eval()(scaled), predict(run.network, own[1].images), atol=1e-5)


def test_an_interrupted_run_on_given_digits_is_resumed_bit_for_bit(own, interrupt):
    whole = train(SMALL, 3, digits=own)
    interrupt(1)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, 3, digits=own)
    interrupt(None)
    assert torch.equal(train(SMALL, 3, digits=own).logits, whole.logits)


@pytest.mark.parametrize(
    "digits, said",
    [
        (lambda: digits_of("train", 20), r"digits must be two Digits: digits=\(those to learn from"),
        (lambda: (digits_of("train", 20), 3), "digits must be two Digits"),
        (lambda: (digits_of("train", 20), digits_of("test", 20)[:0]), "both need some"),
        (lambda: (digits_of("train", 24), digits_of("test", 24, 24)), "given:.* has 24 classes; write 't24'"),
        (
            lambda: (Digits(data.load("train")[:9].images, torch.arange(9) - 1), digits_of("test", 20)),
            "labels must be from 0 to 11, one a class, not from -1 to 11",
        ),
    ],
)
def test_given_digits_that_cannot_be_learned_from_are_refused(digits, said):
    with pytest.raises(InputError, match=said):
        train(SMALL, digits=digits())


def test_digits_to_be_tested_on_must_be_numbered_as_those_to_learn_from():
    fewer = named.given(digits_of("train", 24, 11), digits_of("test", 24, 11), LETTERS[1:])  # A is missing
    with pytest.raises(InputError, match="the classes to learn from are A, B, .*, those to be tested on B, C, .*alike"):
        named.given(named.given(digits_of("train", 24), digits_of("test", 24), LETTERS)[0], fewer[1])


def test_fewer_training_images_than_there_are_or_without_a_class_are_refused(own):
    name = own[0].of.name
    with pytest.raises(
        InputError, match=f"200 train_images are wanted, but there are only 120 to learn from in {name}"
    ):
        train(replace(SMALL, name="many", train_images=200, data=name))
    with pytest.raises(InputError, match="nothing of class 'F' to learn from in the first 5 images of given:.*; mix"):
        train(replace(SMALL, name="few", train_images=5, data=name))


def test_classes_that_are_too_few_or_of_one_name_are_refused():
    with pytest.raises(InputError, match="labels must be from 0 to 1, one a class, not from 0 to 11"):
        named.given(digits_of("train", 24), digits_of("test", 24), ["a", "b"])
    with pytest.raises(InputError, match="two of the classes .* have the same name"):
        named.given(digits_of("train", 24), digits_of("test", 24), ["a"] * 12)


def test_every_split_exists_and_one_that_leaves_a_class_nothing_to_learn_from_is_refused(own):
    name, sizes = own[0].of.name, {"train": 120, "test": 48, "validation": 10, "validation-rest": 110}
    for split in [*data.TRAINED_ON, *data.TRAINED_ON.values()]:
        assert len(named.load(name, split)) == sizes.get(split, 120 if "rest" in split else 48)
        assert named.load(name, split).of == own[0].of
    few = named.given(own[0][:12], own[1][:2])
    with pytest.raises(InputError, match="nothing of class '[A-L]' to learn from in the split 'validation-rest'"):
        named.load(few[0].of.name, "validation-rest")


def test_training_images_beyond_sixty_thousand_are_not_left_out_in_silence(monkeypatch, own):
    images = torch.zeros(60_012, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 14, 14] = 255  # all alike, and bright
    many = named.given(Digits(images, torch.arange(len(images)) % 12), own[1], LETTERS)
    seen = []
    real = one.fit
    monkeypatch.setattr(one, "fit", lambda *of: seen.append(len(of[2])) or real(*of[:2], of[2][:32], of[3][:0]))
    for wanted in (SMALL, replace(SMALL, name="fewer", train_images=1000)):
        with pytest.raises(TypeError):  # an epoch without a test has no accuracy
            train(wanted, digits=many, quiet=True)
    assert seen == [60_012, 1000]


def test_digits_to_learn_from_and_to_be_tested_on_must_be_of_the_same_data(own):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 12))
    with pytest.raises(InputError, match="are of given:.*, those of the test of MNIST; take both from the same data"):
        next(fit(network, SMALL, own[0], data.load("test")[:20]))
    ten = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(InputError, match=r"give \(N, 12\) logits; for two images it gives .*\(2, 10\)"):
        next(fit(ten, SMALL, own[0]))


def test_a_network_of_ones_own_must_give_a_logit_for_each_class(own):
    class Ten(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Flatten(), nn.Linear(784, 10))

    with pytest.raises(InputError, match=r"Ten must take images .* and give \(N, 12\) logits"):
        train(replace(SMALL, network=Ten), digits=own)


def test_wherever_a_layer_line_ends_in_too_few_classes_the_right_word_is_named(own, runs):
    wrong = replace(SMALL, data=own[0].of.name, layer_line="8 P P G t10")
    records.save(train(replace(wrong, layer_line=SMALL.layer_line), quiet=True).record, runs)
    for tried in (lambda: rates(wrong), lambda: records.recorded(wrong, [0], runs)):
        with pytest.raises(InputError, match="has 12 classes; write 't12' for its last word 't10'"):
            tried()


def test_experiments_on_different_data_are_not_compared(own):
    mine = train(SMALL, digits=own, quiet=True).experiment
    said = (
        r"own is on given:\w+, Quick on MNIST: accuracies on different data are not compared; compare it with replace"
    )
    with pytest.raises(InputError, match=said):
        compare(mine, "Quick")
    with pytest.raises(InputError, match="a setting changes neither name, target nor data"):
        choose(QUICK, {"MNIST": {}, "clothes": dict(data="FashionMNIST")})
    with pytest.raises(InputError, match="a setting changes neither name, target nor data"):
        sweep(QUICK, "data", ["MNIST", "FashionMNIST"])


def test_a_change_on_ones_own_data_is_compared_there(own, capsys, runs):
    mine = train(SMALL, digits=own, quiet=True).experiment
    wider = replace(mine, name="wider", layer_line="12 P P G t12")
    assert compare(wider, mine, seeds=range(2)) and "Against own, on the 2 seeds" in capsys.readouterr().out
    found = json.loads(records.path_of(runs, "wider", 1).read_text())
    assert found["classes"] == list(LETTERS) and found["data_hash"] == own[0].of.hash


def test_a_record_of_data_that_has_changed_since_is_named_and_not_used(own, runs, monkeypatch, capsys):
    name = "folder:letters"
    parts = named.described(name, *own, LETTERS), named.described(name, own[0][:100], own[1], LETTERS)
    for now, told in zip(parts, ["", "learned from what folder:letters was before it changed"], strict=True):
        monkeypatch.setattr(named, "whole", lambda name, now=now: now)
        assert run_one(replace(SMALL, data=name), 0, runs, quiet=True).data_hash == now[0].of.hash
        assert bool(records.recorded(replace(SMALL, data=name), [0], runs)) and not capsys.readouterr().err
        if not told:
            continue
    monkeypatch.setattr(named, "whole", lambda name: parts[0])
    assert records.recorded(replace(SMALL, data=name), [0], runs) == {}
    assert "(seeds 0)" in (said := capsys.readouterr().out) and told in said


def test_a_record_that_hides_its_data_is_refused(own, runs):
    record = train(SMALL, digits=own, quiet=True).record
    for change in [dict(data_hash=MNIST.hash, labels=""), dict(labels=record.labels[:-1])]:
        (runs / "test" / "own").mkdir(parents=True, exist_ok=True)
        records.path_of(runs, "own", 0).write_text(records._text(replace(record, **change)))
        with pytest.raises(InputError, match="another data set|for 47 images"):
            records.load(records.path_of(runs, "own", 0))


def test_more_classes_than_digits_are_coded_in_one_letter_each():
    labels = torch.arange(500)
    assert torch.equal(records.decoded(text := records.coded(labels)), labels) and len(text) == 500
    assert records.coded(torch.arange(10)) == "0123456789"


def test_the_report_of_a_run_names_its_classes_and_draws_no_goal_of_mnist(own, runs, monkeypatch):
    monkeypatch.setattr("src.show.notebook.RUNS", runs)
    drawn = {}
    for name in ("history", "confusion", "per_digit", "mistakes"):
        draw = getattr(figures, name)
        monkeypatch.setattr(figures, name, lambda *of, n=name, draw=draw: drawn.setdefault(n, draw(*of)))
    report(train(SMALL, digits=own, quiet=True))
    for name in ("confusion", "per_digit"):
        ax = drawn[name].axes[0]
        assert [label.get_text() for label in ax.get_xticklabels()] == list(LETTERS) and "class" in ax.get_xlabel()
    assert not [line for line in drawn["history"].axes[0].lines if "99.4" in str(line.get_label())]
    assert re.search(
        r"true [A-L], read\nas [A-L]", "|".join(t.get_text() for ax in drawn["mistakes"].axes for t in ax.texts)
    )
    assert sorted(path.name for path in (runs / "images").iterdir()) == sorted(
        f"own-{kind}.png" for kind in ("history", "confusion", "per-class", "mistakes")
    )


def test_wrong_labels_are_drawn_among_all_classes(own):
    wrong = data.mislabel(own[0], 0.5)
    changed = wrong.labels != own[0].labels
    assert changed.sum() == 60 and wrong.labels.max() < 12 and wrong.of == own[0].of


def test_a_fingerprint_is_taken_on_the_experiments_own_data_however_few(own):
    from src.runs.fingerprint import fingerprint, same_code

    few = named.given(own[0][:14], own[1])
    one_set, other = (fingerprint(replace(SMALL, data=parts[0].of.name)) for parts in (few, own))
    assert len(one_set) == len(other) == 5 and not same_code(one_set, other)
    assert same_code(fingerprint(replace(SMALL, data=own[0].of.name)), other)


def test_an_interrupted_run_on_data_that_has_changed_since_starts_over(own, monkeypatch, interrupt, capsys):
    name, later = "folder:letters", own[0][torch.cat([torch.arange(119), torch.tensor([0])])]
    for train_digits, finished in [(own[0], 1), (later, 0)]:
        parts = named.described(name, train_digits, own[1], LETTERS)
        monkeypatch.setattr(named, "whole", lambda name, parts=parts: parts)
        interrupt(1)
        with pytest.raises(KeyboardInterrupt, match="1 of 2 epochs are finished"):
            train(replace(SMALL, data=name), quiet=True)
        assert ("the run starts over" in capsys.readouterr().out) == (finished == 0)


def test_digits_that_do_not_lie_together_in_memory_are_given_too():
    some = digits_of("train", 240)
    apart = [some[::2], some[1::2]]
    together = [some[torch.arange(start, 240, 2)] for start in (0, 1)]
    assert not apart[0].images.is_contiguous() and named.given(*apart)[0].of == named.given(*together)[0].of


def test_an_experiment_on_given_digits_of_fewer_classes_than_ten_names_them():
    some = digits_of("train", 60, 3), digits_of("test", 30, 3)
    name = named.given(*some, ["cat", "dog", "bird"])[0].of.name
    run = train(replace(SMALL, data=name, layer_line="8 P P G t3"), quiet=True)
    assert run.record.classes == ("cat", "dog", "bird") and run.logits.shape == (30, 3)
    with pytest.raises(InputError, match="there is only one class, cat; a network learns to tell two or more apart"):
        named.given(digits_of("train", 9, 1), digits_of("test", 9, 1), ["cat"])


def test_given_digits_may_have_any_number_of_classes_which_the_labels_count():
    three = replace(SMALL, data="given", layer_line="8 P P G t3", epochs=1)
    run = train(three, digits=(digits_of("train", 30, 3), digits_of("test", 12, 3)), quiet=True)
    assert run.test_digits.of.classes == ("0", "1", "2") and run.logits.shape == (12, 3)
    named_ones = named.given(digits_of("train", 30, 3), digits_of("test", 12, 3), ["cat", "dog", "cow"])
    assert train(three, digits=named_ones, quiet=True).test_digits.of.classes == ("cat", "dog", "cow")
    with pytest.raises(InputError, match="data='given' is for train.*; elsewhere write data=run.experiment.data"):
        train(three)


def test_bright_images_are_turned_on_a_bright_ground():
    images = torch.full((4, 1, 28, 28), 240.0)
    images[:, :, 10:18, 10:18] = 20
    turned = augment(images, Augmentation(rotation=45, cutout=6), draws := torch.rand(4, 4), background=255.0)
    assert turned.min() >= 19 and turned[:, 0, 0, 0].min() >= 239
    assert augment(images, Augmentation(rotation=45), draws)[:, 0, 0, 0].min() < 100
    bright, dark = (replace(MNIST, mean=mean).background for mean in (0.9, 0.1))
    assert (bright, dark) == (255.0, 0.0)


def test_bright_pictures_are_shown_as_they_are_and_ink_dark_on_white():
    assert figures.shades_of(torch.full((2, 1, 28, 28), 230)) == "gray"
    assert figures.shades_of(data.load("test").images[:9]) == "gray_r"
