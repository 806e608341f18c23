"""python -m src predict: for people, for programs, and on terminals that know few letters."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from src import ROOT, InputError, data
from src.__main__ import main
from src.data import MNIST
from src.datasets import fitted
from src.pictures.opening import as_it_is, opened
from src.pictures.reading import from_picture
from src.use.answers import Answer, answer
from src.use.weights import load
from tests.others import CLOTHES, LETTERS, saved
from tests.strokes import drawing, pen


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing(7).save("seven.png")
    drawing(2).save("two.jpg")
    drawing(4).crop((0, 0, 9, 9)).save("empty.png")
    return tmp_path


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_predict_prints_a_line_per_picture_and_can_show_what_the_network_sees(pictures, capsys):
    assert main(["predict", "seven.png", "two.jpg", "--show"]) == 0
    said = lines(capsys)
    assert [line.split(",")[0] for line in said] == ["seven.png: 7", "two.jpg: 2"]
    assert re.search(r"confidence \d+\.\d %; next \d, \d+\.\d %.* seven-seen\.png$", said[0])
    seen = np.asarray(Image.open("two-seen.png"))
    assert np.array_equal(seen[::10, ::10], from_picture("two.jpg")[0, 0].numpy())


def test_several_digits_are_one_line_with_each_digits_confidence(pictures, capsys):
    image = Image.new("RGB", (700, 320), "white")
    for place, digit in enumerate((4, 2)):
        pen(image, digit, 60 + 300 * place, 70, 170)
    image.save("number.png")
    assert main(["predict", "number.png", "--show"]) == 0
    assert re.match(
        r"number.png: 42, confidence \d.*; digit by digit 4, [\d.]+ %; 2, [\d.]+ %; seen as ", lines(capsys)[0]
    )
    assert Image.open("number-seen.png").size == (560, 280)


def test_predict_reads_standard_input_and_takes_another_model(pictures, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((pictures / "two.jpg").read_bytes())))
    assert main(["predict", "-", "--model", "Model2"]) == 0
    assert lines(capsys)[0].startswith("-: 2, ")


def test_predict_answers_the_good_pictures_and_says_what_is_wrong_with_the_others(pictures, capsys):
    assert main(["predict", "nowhere.png", "seven.png", "empty.png"]) == 2
    output, errors = capsys.readouterr()
    assert output.startswith("seven.png: 7, ") and output.count("\n") == 1
    assert [line.split(": ")[:2] for line in errors.splitlines()] == [["error", "nowhere.png"], ["error", "empty.png"]]
    assert main(["predict", "seven.png", "--model", "Model5"]) == 2
    assert "Model1, Model2, Model3, Model4" in capsys.readouterr().err


def test_folders_and_patterns_are_expanded_where_the_shell_does_not(pictures, capsys):
    (pictures / "empty.png").unlink()
    for name in ("notes.txt", "printed.pdf", ".hidden.png"):
        (pictures / name).write_text("no picture")
    (pictures / "folder.png").mkdir()
    for given in (["."], ["*.*g"], ["seven.png", "*.jpg"]):
        assert main(["predict", *given]) == 0
        assert [line.split(":")[0] for line in lines(capsys)] == ["seven.png", "two.jpg"]
    (pictures / "nothing").mkdir()
    complaints = {"nothing": "the folder holds no picture", "*.gif": "there is no picture of such a name"}
    for given, complaint in complaints.items():
        assert main(["predict", given]) == 2
        assert f"error: {given}: {complaint}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "x" * 300, "x" * 300 + "*"])
def test_a_name_that_no_picture_can_have_is_one_sentence(pictures, capsys, name):
    assert main(["predict", name]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {name}: ") and errors.count("\n") == 1


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(pictures, capsys):
    drawing(5).save("five[1].png")
    assert main(["predict", "five[1].png"]) == 0
    assert lines(capsys)[0].startswith("five[1].png: 5, ")


def test_what_was_seen_never_overwrites_and_is_never_answered(pictures, capsys):
    (pictures / "seven-seen.png").write_bytes(b"a person's own")
    (pictures / "empty.png").unlink()
    for _ in range(2):
        assert main(["predict", "seven.png", "--show"]) == 0
        assert lines(capsys)[0].endswith("seven-seen-2.png"), "the same picture is not written twice"
    assert (pictures / "seven-seen.png").read_bytes() == b"a person's own"
    (pictures / "seven-seen.png").unlink()
    assert main(["predict", "."]) == 0
    assert [line.split(":")[0] for line in lines(capsys)] == ["seven.png", "two.jpg"]
    assert main(["predict", "seven-seen-2.png"]) == 2
    assert "this is what --show wrote of another picture" in capsys.readouterr().err


def test_where_nothing_can_be_written_the_answer_is_still_given(pictures, capsys, monkeypatch):
    from src import InputError
    from src.runs import files

    def refuse(path, content):
        raise InputError(f"cannot write {path}: Permission denied; make room there or choose another folder.")

    monkeypatch.setattr(files, "write", refuse)
    assert main(["predict", "seven.png", "--show"]) == 2
    output, errors = capsys.readouterr()
    assert output.startswith("seven.png: 7, ") and "error: seven.png: cannot write seven-seen.png" in errors


def test_json_gives_programs_an_object_a_line(pictures, capsys):
    image = Image.new("L", (300, 300), 255)
    image.paste(0, (145, 145, 155, 155))
    image.save("dot.png")
    assert main(["predict", "--json", "seven.png", "dot.png", "nowhere.png"]) == 2
    seven, dot, nowhere = map(json.loads, lines(capsys))
    assert (seven["picture"], seven["answer"], len(seven["digits"])) == ("seven.png", "7", 1)
    assert seven["digits"][0]["digit"] == 7 and not seven["digits"][0]["may_be_no_digit"]
    assert 0.9 < seven["confidence"] <= 1 and seven["confidence"] == seven["digits"][0]["confidence"]
    assert dot["answer"] is None and dot["digits"][0]["may_be_no_digit"]
    assert nowhere["picture"] == "nowhere.png" and "No such file" in nowhere["error"] and "answer" not in nowhere


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_survive_a_terminal_of_another_encoding(tmp_path, encoding):
    drawing(7).save(tmp_path / "sieben ± 七.png")
    done = subprocess.run(
        [sys.executable, "-m", "src", "predict", str(tmp_path / "sieben ± 七.png"), str(tmp_path / "九.png")],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 2 and b"Traceback" not in done.stderr and done.stderr.count(b"\n") == 1
    said = done.stdout.decode(encoding)
    assert ": 7, confidence" in said
    assert "sieben ± 七" in said if encoding == "utf-8" else "\\u4e03" in said
    assert ("+-" if encoding == "ascii" else "±") in said


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A folder with weights of a network for letters and of one for clothes: a 7 is an H, or a sneaker."""
    folder = tmp_path_factory.mktemp("others")
    for of in (LETTERS, CLOTHES):
        saved(of, folder)
    return folder


def test_a_network_for_letters_answers_letters_and_doubts_none(pictures, others, capsys):
    image = Image.new("RGB", (700, 320), "white")
    for place, digit in enumerate((7, 2)):
        pen(image, digit, 60 + 300 * place, 70, 170)
    image.save("word.png")
    model = str(others / "EMNIST-letters.safetensors")
    assert main(["predict", "seven.png", "word.png", "--model", model]) == 0
    alone, word = lines(capsys)
    assert re.fullmatch(r"seven.png: H, confidence [\d.]+ %; next [A-J], [\d.]+ %", alone)
    assert re.fullmatch(r"word.png: HC, confidence [\d.]+ %; one by one H, [\d.]+ %; C, [\d.]+ %", word)
    Image.new("L", (300, 300), 255).save("dot.png")
    dot = np.full((300, 300), 255, np.uint8)
    dot[145:155, 145:155] = 0
    assert not any(answer(load(model), dot).doubted) and any(answer(load("Model4"), dot).doubted)
    assert main(["predict", "--json", "word.png", "--model", model]) == 0
    said = json.loads(lines(capsys)[0])
    assert said["answer"] == "HC" and "digits" not in said and [part["class"] for part in said["parts"]] == ["H", "C"]
    assert set(said["parts"][0]) == {"class", "confidence"}


def test_a_network_for_clothes_takes_the_whole_picture_as_it_is_and_names_what_it_is(pictures, others, capsys):
    seven = data.load("test").images[0, 0].numpy()
    image = np.pad(seven, ((0, 0), (28, 28)))
    read = answer(network := load(others / "FashionMNIST.safetensors"), image)
    assert len(read.images) == 1 and np.array_equal(read.images[0, 0].numpy(), as_it_is(image))
    assert read.text in CLOTHES.classes and read.of == CLOTHES == network.learned_from
    assert answer(network, seven).text == "Sneaker"
    Image.fromarray(seven).save("sneaker.png")
    assert main(["predict", "sneaker.png", "--model", str(others / "FashionMNIST.safetensors"), "--show"]) == 0
    assert lines(capsys)[0].startswith("sneaker.png: Sneaker, confidence ")
    assert np.array_equal(np.asarray(Image.open("sneaker-seen.png"))[::10, ::10], seven)
    two = type(read)(read.images.expand(2, 1, 28, 28), read.probabilities.expand(2, 10), (False, False), CLOTHES)
    assert two.text == f"{read.text}, {read.text}" and two.values()["answer"] == two.text


def test_a_picture_as_it_is_is_grey_28_pixels_wide_and_high_and_neither_cut_nor_inverted():
    image = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    assert np.array_equal(as_it_is(Image.fromarray(image)), image)
    assert np.array_equal(as_it_is(np.stack([image] * 3, axis=2)), image)
    clear = Image.new("RGBA", (80, 40), (0, 0, 0, 0))
    assert (as_it_is(clear) == 255).all()
    clear.paste((255, 0, 0, 255), (10, 10, 70, 30))
    wide = as_it_is(clear)
    assert (wide[:7] == 255).all() and (wide[21:] == 255).all() and wide.min() < 90  # red is dark
    tall = np.zeros((900, 30), np.uint8)
    tall[:, :2] = tall[:, -2:] = 9
    assert np.unique(as_it_is(tall)[:, [0, 5, 20, 27]]).tolist() == [9], "filled as its border is"
    small = np.zeros((8, 8), np.uint8)
    small[3:5, 3:5] = 200
    assert as_it_is(small).shape == (28, 28) and as_it_is(small)[13:15, 13:15].min() > 150
    assert as_it_is(np.eye(1000)).std() < 60, "fine detail is averaged"


def test_a_picture_is_taken_as_pictures_of_a_folder_were_when_the_network_learned(tmp_path):
    random = np.random.default_rng(0)
    deep = Image.fromarray(random.integers(0, 30_000, (40, 40)).astype(np.uint16))
    kinds = {"deep.png": deep, "clear.png": drawing(3).convert("RGBA"), "wide.jpg": drawing(7).crop((0, 90, 280, 190))}
    kinds["clear.png"].putalpha(drawing(7).convert("L"))
    for name, image in kinds.items():
        image.save(tmp_path / name)
        assert np.array_equal(as_it_is(tmp_path / name), fitted.whole(tmp_path, [name])[0]), name


def test_a_network_that_gives_other_logits_than_its_data_has_classes_is_refused_in_a_sentence():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 26))
    with pytest.raises(InputError, match="MNIST has 10 classes, and the network gives 26 logits; say what it learned"):
        answer(network, np.eye(40))


def test_digits_that_were_given_are_looked_for_in_a_picture_and_an_inverted_picture_is_refused():
    network = load("Model4")
    digit = data.load("test").images[0, 0].numpy()
    photograph = Image.fromarray(255 - digit).resize((200, 200))
    known = network.learned_from
    try:
        network.learned_from = replace(MNIST, name="given:abc")
        assert answer(network, photograph).text == "7"
        network.learned_from = replace(MNIST, name="folder:digits")
        with pytest.raises(
            InputError, match="the picture is mostly bright, and the network learned from dark ones; inv"
        ):
            answer(network, photograph)
        assert answer(network, Image.fromarray(digit)).text == "7"
        network.learned_from = replace(MNIST, name="folder:paper", mean=0.9)
        with pytest.raises(InputError, match="the picture is mostly dark, and the network learned from bright ones"):
            answer(network, Image.fromarray(digit))
    finally:
        network.learned_from = known


def test_each_digit_that_may_be_none_is_named():
    several = Answer(torch.zeros(3, 1, 28, 28), torch.eye(10)[[4, 7, 7]], (True, False, True))
    assert str(several).startswith("2 of 3 (4, 7) may be no digit; else 477, confidence 100.0 %")


def test_an_image_that_is_given_stays_as_large_as_it_is():
    image = Image.new("L", (3000, 2500))
    assert opened(image).size == (2000, 1667) and image.size == (3000, 2500)
