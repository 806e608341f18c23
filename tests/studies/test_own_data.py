"""The study on other data: its folders, its experiments, and what it says of the techniques."""

import builtins
import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.datasets import named
from src.experiments import SERIES
from src.model import build, count_parameters
from src.runs.names import changes
from src.use import weights
from studies.catalogue import EXPERIMENTS, collect
from studies.ladder import ADDED, LADDER
from studies.own_data import EPOCHS, HANDS, PRINTED, collected, report


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    collected.collect(place / "hands", place / "printed")
    return place


def test_the_folders_hold_what_scikit_learn_and_the_sheet_of_fonts_hold(folders):
    from sklearn.datasets import load_digits

    digits = load_digits()
    train, test = named.whole(f"folder:{folders / 'hands'}")
    assert len(train) + len(test) == len(digits.target) == 1797 and train.of.classes == tuple("0123456789")
    one = np.asarray(Image.open(folders / "hands" / "3" / "0003.png"))
    assert (one == np.rint(digits.images[3] / 16 * 255)).all() and digits.target[3] == 3
    counts = np.bincount(digits.target)
    assert (abs(test.labels.bincount().numpy() - counts / 7) < 1).all()

    train, test = named.whole(f"folder:{folders / 'printed'}")
    assert train.of.classes == tuple(collected.CHARACTERS)
    fonts = [{path.stem for path in (folders / "printed" / part).rglob("*.png")} for part in ("train", "test")]
    assert not fonts[0] & fonts[1] and len(fonts[0] | fonts[1]) >= 30
    assert [len(train), len(test)] == [36 * len(each) for each in fonts]


def test_what_is_there_is_not_written_again_and_a_missing_library_is_one_sentence(
    folders, tmp_path, monkeypatch, capsys
):
    (folders / "hands" / "3" / "0003.png").touch()
    collected.collect(folders / "hands", folders / "printed")
    assert not capsys.readouterr().out
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("sklearn"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="come with scikit-learn, which is missing; run: .*requirements-studies.txt"):
        collected.collect(tmp_path / "hands", tmp_path / "printed")


def test_a_folder_whose_writing_was_interrupted_is_not_there(tmp_path, monkeypatch):
    written, write = [], collected.files.write

    def interrupted(path, content):
        written.append(path)
        if len(written) == 100:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(collected.files, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collected.collect(tmp_path / "hands", tmp_path / "printed")
    assert len(written) == 100 and not list(tmp_path.iterdir())


def test_no_two_fonts_of_the_sheet_are_drawn_alike():
    sheet = Image.open(collected.SHEET)
    names = json.loads(sheet.info["fonts"])
    rows = np.asarray(sheet).reshape(len(names), -1).astype(float) / 255
    assert len(set(names)) == len(names) and sheet.size[0] == 28 * 36
    for i, row in enumerate(rows):
        assert (abs(rows[i + 1 :] - row).mean(axis=1) > 0.9 * collected.ALIKE).all()


@pytest.mark.parametrize("steps, classes", [(HANDS, 10), (PRINTED, 36)])
def test_the_steps_are_those_of_the_ladder_but_for_data_epochs_and_the_last_word(steps, classes):
    for step, other in zip(LADDER, steps, strict=True):
        fields = {each.split(":")[0] for each in changes(step, other)}
        assert fields == {"data", "epochs"} | ({"layer line"} if classes != 10 else set())
        assert other.epochs == EPOCHS and EXPERIMENTS[other.name] == other
        more = (classes - 10) * (build(step)[-2][0].weight[0].numel() + 1)
        assert count_parameters(build(other)) == count_parameters(build(step)) + more


def test_data_is_collected_only_for_experiments_that_need_it(monkeypatch):
    called = []
    monkeypatch.setattr(collected, "collect", lambda: called.append(True))
    collect(SERIES.values())
    assert not called
    collect([*SERIES.values(), HANDS[0]])
    assert called == [True]


def test_the_answer_names_where_a_technique_helps_and_where_nothing_is_shown():
    up, down, none = [1.0, 1.1, 0.9], [-1.0, -1.1, -0.9], [0.1, -0.1, 0.0]
    seen = {
        "batch normalization": {"MNIST": up, "other hands": up, "printed": up},
        "dropout": {"MNIST": none, "other hands": up, "printed": up},
        "augmentation": {"MNIST": up, "other hands": down, "printed": none},
    }
    assert report.answer(seen) == (
        "Of 3 techniques 2 help on MNIST: batch normalization helps on other hands and printed, too; "
        "augmentation hurts on other hands, and is not shown to help on printed."
    )


def test_the_records_are_paired_by_seed_on_each_data(evidence):
    seen = report.changes_of(evidence.tests)
    assert list(seen) == ADDED and all(len(paired) == 10 for by_data in seen.values() for paired in by_data.values())
    for (before, after), technique in zip(pairwise(PRINTED), ADDED, strict=True):
        for seed in (0, 7):
            old, new = (100 * evidence.tests[each.name][seed].final.test_accuracy for each in (before, after))
            assert seen[technique]["printed letters"][seed] == pytest.approx(new - old)


def test_the_timing_file_is_of_the_pictures_that_are_collected(evidence, folders):
    assert evidence.timing("hands")["data"] == evidence.tests[HANDS[0].name][0].data_hash
    assert evidence.timing("hands")["records"] == {name: weights.record_hash(name) for name in SERIES}
    train, test = named.whole(f"folder:{folders / 'hands'}")
    renamed = named.described(HANDS[0].data, train, test, train.of.classes)
    assert renamed[0].of.hash == evidence.timing("hands")["data"] and replace(renamed[0].of, name="") != train.of
