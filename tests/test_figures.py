"""Pictures of runs of any name and length, that can be compared with each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from src.data import MNIST, Digits
from src.runs import records
from src.show import figures


@pytest.fixture(scope="module")
def model3():
    return records.load_of("Model3", records.RESULTS)


def shortened(found, epochs):
    return [replace(record, experiment="somebody's", history=record.history[:epochs]) for record in found]


def test_all_confusion_matrices_have_one_scale_in_whole_numbers_and_say_when_there_are_more():
    labels = np.repeat(np.arange(10), 30)
    few, many = labels.copy(), labels.copy()
    few[:2], many[:25] = 1, 1
    for predictions, extend in [(few, "neither"), (many, "max")]:
        matrix, bar = figures.confusion(labels, predictions, "").axes
        assert matrix.images[0].get_clim() == (0, figures.MOST_MISTAKES)
        assert bar.get_yticks().tolist() == [0, 2, 4, 6, 8, 10]
        assert matrix.images[0].colorbar.extend == extend


def test_the_accuracy_on_each_digit_stands_with_the_number_of_its_mistakes():
    labels = np.repeat(np.arange(10), 100)
    predictions = labels.copy()
    predictions[:3] = 8
    [ax] = figures.per_digit(labels, predictions, "").axes
    assert [text.get_text() for text in ax.texts] == ["3", *["0"] * 9]
    assert ax.texts[0].xy == (0, 97) and ax.texts[1].xy == (1, 100)
    bottom = ax.get_ylim()[0]
    assert f"cut off below {bottom:g}" in ax.get_ylabel() and bottom < 92  # the interval of three mistakes in a hundred


def test_captions_of_mistakes_fit_below_their_images():
    logits = 9.0 * torch.eye(10)
    logits[5] = logits[6]
    digits = Digits(torch.zeros(10, 1, 28, 28, dtype=torch.uint8), torch.arange(10))
    figure = figures.mistakes(digits, logits, "any")
    caption = figure.axes[0].texts[0]
    assert caption.get_text() == "true 5, read\nas 6 (100 %)"
    figure.draw_without_rendering()
    assert caption.get_window_extent().width < figure.bbox.width / 10


def test_long_names_of_classes_leave_room_for_what_is_drawn():
    of = replace(MNIST, classes=("pointed triangles", "round shapes drawn by hand", "Würfel und Quader, gefüllt"))
    labels = torch.arange(3).repeat(7)
    digits = Digits(torch.zeros(21, 1, 28, 28, dtype=torch.uint8), labels, of)
    logits = 9.0 * torch.eye(3)[(labels + 1) % 3]
    figure = figures.mistakes(digits, logits, "any")
    figure.draw_without_rendering()
    caption, box = figure.axes[-1].texts[0], figure.axes[-1].texts[0].get_window_extent()
    assert "…,\nnot " in caption.get_text() and caption.get_text().endswith("…\n(100 %)")
    assert box.width < figure.bbox.width / 10 and box.y0 >= 0
    for draw in (figures.confusion, figures.per_digit):
        figure = draw(labels, (labels + 1) % 3, "somebody's: which classes are mistaken for which?", of.classes)
        figure.draw_without_rendering()
        ax = figure.axes[0]
        assert ax.bbox.height > figure.bbox.height / 3 and ax.title.get_window_extent().x1 <= figure.bbox.width


@pytest.mark.parametrize("epochs", [1, 2, 15])
def test_a_history_shows_every_epoch_at_whole_numbers(model3, epochs):
    figure = figures.history(shortened(model3[:1], epochs))
    assert figure.get_suptitle().startswith("somebody's, seed 0")
    for ax in figure.axes:
        assert all(tick == int(tick) for tick in ax.get_xticks())
        low, high = ax.get_xlim()
        assert low < 1 and epochs < high and ax.lines[0].get_marker() not in ("", "None")


@pytest.mark.parametrize("seeds, epochs, lines", [(5, 15, 1), (2, 15, 2), (1, 1, 1)])
def test_two_experiments_of_any_name_are_drawn_with_intervals_or_as_single_lines(model3, seeds, epochs, lines):
    model4 = records.load_of("Model4", records.RESULTS)
    [ax] = figures.series({"Model4": model4, "mine": shortened(model3[:seeds], epochs)}, "Better?").axes
    drawn = [line for line in ax.lines if line.get_color() == figures.BLUE]
    assert len(drawn) == lines and len(drawn[0].get_xdata()) == epochs
    assert ax.get_ylim()[0] < min(line.get_ydata()[-1] for line in drawn) and ax.get_xlim()[1] > 15
    assert (drawn[0].get_marker() == "o") == (epochs == 1)  # a line of one epoch is not seen


def test_captions_of_a_grid_may_be_numbers():
    shown = figures.digits_grid(torch.zeros(2, 1, 28, 28), [3, 7])
    assert [text.get_text() for ax in shown.axes for text in ax.texts] == ["3", "7"]
