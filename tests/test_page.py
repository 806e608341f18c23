"""The page in a real browser: it computes what PyTorch computes, and answers what is drawn."""

import base64
import math
import re
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from src import ROOT, InputError, data
from src.__main__ import load
from src.experiments import MODEL4, SERIES
from src.runs.one import train
from src.runs.records import RESULTS, load_of
from src.training import predict
from src.use import page as module
from src.use import weights
from studies.deskew import Deskew
from tests.others import CLOTHES, LETTERS, run_on

COMMITTED = module.PAGE.as_uri()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def arc(x, y, across, down, start, end):
    """Points of an ellipse, degrees clockwise from the right."""
    angles = [math.radians(start + (end - start) * step / 16) for step in range(17)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


# The strokes of each digit, as fractions of a square.
STROKES = {
    0: [arc(0.5, 0.5, 0.3, 0.45, -90, 270)],
    1: [[(0.35, 0.2), (0.52, 0.05), (0.5, 0.95)]],
    2: [[*arc(0.5, 0.3, 0.28, 0.25, 180, 390), (0.2, 0.93), (0.82, 0.92)]],
    3: [arc(0.47, 0.28, 0.27, 0.23, 190, 440), arc(0.47, 0.71, 0.3, 0.24, -85, 170)],
    4: [[(0.6, 0.05), (0.15, 0.62), (0.88, 0.6)], [(0.68, 0.35), (0.64, 0.97)]],
    5: [[(0.3, 0.08), (0.26, 0.45), *arc(0.48, 0.66, 0.3, 0.27, -125, 150)], [(0.32, 0.08), (0.8, 0.07)]],
    6: [[(0.66, 0.04), (0.4, 0.3), (0.24, 0.62), *arc(0.5, 0.7, 0.26, 0.25, 180, 540)]],
    7: [[(0.17, 0.1), (0.83, 0.08), (0.42, 0.96)]],
    8: [arc(0.5, 0.27, 0.23, 0.22, 90, 450), arc(0.5, 0.73, 0.29, 0.24, -90, 270)],
    9: [[*arc(0.48, 0.3, 0.25, 0.25, 0, 360), (0.7, 0.6), (0.6, 0.96)]],
}
SHOWN = [*SERIES, *(name for name in module.SMALLER if name in weights.kept())]
SEVEN, ONE = STROKES[7][0], [(0.5, 0.2), (0.5, 0.8)]

# Pictures (28x28 bytes each, in base64) in; logits of a network, which may be in the menu, out.
LOGITS = """([network, text]) => {
    const pixels = bytes(text), logits = [];
    const unpacked = typeof network === "string" ? networks[NETWORKS.findIndex(({name}) => name === network)]
        : unpack(network);
    for (let start = 0; start < pixels.length; start += 784) {
        const values = Float32Array.from(pixels.subarray(start, start + 784));
        logits.push(Array.from(forward(unpacked, {channels: 1, size: 28, values}).at(-1).values));
    }
    return logits;
}"""

# Whether there is ink on the paper, on the picture as the network sees it and on a map.
SOME_INK = """() => ["#drawing", "#picture", "#layers .map"]
    .map(canvas => inkOf(document.querySelector(canvas)).some(ink => ink > 0))"""

# Send events of pointers to the paper, one after another: type, kind and id of the pointer, place as fractions.
POINTERS = """events => {
    const {left, top, width, height} = drawing.getBoundingClientRect();
    for (const [type, pointerType, pointerId, [x, y]] of events) {
        const place = {clientX: left + x * width, clientY: top + y * height, button: type === "pointermove" ? -1 : 0};
        const about = {pointerType, pointerId, isPrimary: true, bubbles: true};
        drawing.dispatchEvent(new PointerEvent(type, {...about, ...place}));
    }
}"""

# The contrasts (WCAG) of what has to be told apart: of parts and of borders to what they stand on.
CONTRASTS = """() => {
    const brightness = text => {
        const [red, green, blue] = text.match(/[\\d.]+/g).map(value => value / 255)
            .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (first, second) => {
        const [dark, bright] = [first, second].map(brightness).sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    };
    const style = name => getComputedStyle(document.querySelector(name)), page = style("body").backgroundColor;
    return {
        bar: contrast(style("#bars li:not(.first) .bar").backgroundColor, style(".track").backgroundColor),
        first: contrast(style("#bars .first .bar").backgroundColor, style(".track").backgroundColor),
        ...Object.fromEntries(["#drawing", "#clear", ".tile .map", ".tile .filter", "#picture"].map(
            name => [name, contrast(style(name).borderTopColor, page)])),
    };
}"""


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page; in the end none may have complained or asked for more.

    address: of the page, by default the committed one."""
    complaints, contexts, opened = [], [], []

    def open_page(address=COMMITTED, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        opened.append(address)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    requests = [complaint for complaint in complaints if not complaint.startswith("data:image/svg")]
    assert requests == [address.split("#")[0] for address in opened]


@pytest.fixture
def page(open_page):
    return open_page(viewport={"width": 1280, "height": 800})


def seen(page):
    """Return the picture as the network sees it: 784 integers, row by row."""
    return torch.tensor(page.locator("#picture").evaluate("canvas => Array.from(inkOf(canvas))"))


def begin(page, corners, kind="mouse", pointer=1):
    """Draw a stroke whose pointer stays down."""
    names = ["pointerdown", *["pointermove"] * (len(corners) - 1)]
    page.evaluate(POINTERS, [[name, kind, pointer, place] for name, place in zip(names, corners, strict=True)])


def write(page, digit, left=0.1, top=0.1, side=0.8):
    """Draw a digit in a square of the paper, whose side is 1."""
    for corners in STROKES[digit]:
        places = [(left + side * x, top + side * y) for x, y in corners]
        begin(page, places)
        page.evaluate(POINTERS, [["pointerup", "mouse", 1, places[-1]]])


def strokes(page):
    """The numbers of points of the strokes on the paper."""
    return page.evaluate("marks.map(mark => mark.length)")


def encoded(images):
    return base64.b64encode(images.numpy().tobytes()).decode()


def test_the_committed_page_is_what_the_command_writes():
    assert module.PAGE.read_text() == module.page(module.series(load)), "run make page"


def test_the_page_is_one_file_of_less_than_400_kb():
    assert module.PAGE.stat().st_size < 400_000


def test_every_network_gives_the_logits_and_the_answers_that_pytorch_gives(page):
    images = data.load("test").images[:1000]
    names = page.evaluate("NETWORKS.map(({name}) => name)")
    assert len(names) == len(SHOWN)
    for name, network in zip(names, map(load, SHOWN), strict=True):
        expected = predict(network, images)
        logits = torch.tensor(page.evaluate(LOGITS, [name, encoded(images)]))
        assert (logits - expected).abs().max() < 1e-3, name
        assert torch.equal(logits.argmax(dim=1), expected.argmax(dim=1)), name


def test_deskewing_is_computed_as_in_pytorch_for_slanted_lines_and_an_empty_picture(page):
    network = nn.Sequential(Deskew(), nn.Conv2d(1, 10, 28), nn.Flatten())
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    for row in range(4, 24):
        images[0, 0, row, 4 + row // 2] = 255
        images[1, 0, row, 27 - row] = 128
    images[2, 0, 5:7, 3:20] = 200
    logits = torch.tensor(page.evaluate(LOGITS, [module.describe(network), encoded(images)]))
    assert (logits - predict(network, images)).abs().max() < 1e-3


def test_crop_padding_stride_and_groups_are_computed_as_in_pytorch(page):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.ZeroPad2d(-3),
        *[nn.Conv2d(1, 4, 5, padding=2, bias=False), nn.BatchNorm2d(4), nn.ReLU()],
        *[nn.Conv2d(4, 8, 3, stride=2, groups=4), nn.ReLU(), nn.MaxPool2d(2, 2)],
        *[nn.Conv2d(8, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    )
    images = data.load("test").images[:20]
    logits = torch.tensor(page.evaluate(LOGITS, [module.describe(network), encoded(images)]))
    assert (logits - predict(network, images)).abs().max() < 1e-3


def test_a_page_without_records_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    with pytest.raises(InputError, match="Model1, Model2, Model3, Model4"):
        module.series(load)


class Mine(nn.Module):
    """A network of a learner's own that is its modules in turn."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.1))
        self.answer = nn.Sequential(nn.Flatten(), nn.Linear(64, 20, bias=False), nn.ReLU(), nn.Linear(20, 10))

    def forward(self, images):
        return self.answer(self.maps(images))


def test_a_network_of_ones_own_is_computed_with_its_linear_layers(page):
    torch.manual_seed(0)
    images, network = data.load("test").images[:20], Mine()
    logits = torch.tensor(page.evaluate(LOGITS, [module.describe(network), encoded(images)]))
    assert (logits - predict(network, images)).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Sigmoid(), "Sigmoid"),
        (nn.BatchNorm2d(1), "BatchNorm2d"),
        (nn.Conv2d(1, 1, 3, padding=2, dilation=2), "Conv2d.*dilation"),
        (nn.Conv2d(1, 1, (3, 1)), r"Conv2d.*kernel_size=\(3, 1\)"),
        (nn.Conv2d(1, 1, 3, padding="same"), "Conv2d.*same"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), "Conv2d.*reflect"),
        (nn.ZeroPad2d(1), "ZeroPad2d"),
        (nn.MaxPool2d(3, padding=1), "MaxPool2d.*padding=1"),
        (nn.AdaptiveAvgPool2d(2), "AdaptiveAvgPool2d"),
        (nn.Linear(28, 14), "Linear"),
    ],
    ids=repr,
)
def test_a_network_that_the_page_cannot_compute_is_refused(layer, words):
    network = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(10))
    network(torch.zeros(2, 1, 28, 28))  # sets the shape of the last layer
    with pytest.raises(InputError, match=f"the page has no {words}.* in this place"):
        module.describe(network)


def test_a_picture_of_mnist_is_prepared_into_itself(page):
    images = data.load("test").images[:1000]
    different = page.evaluate(
        """text => {
            const pixels = bytes(text), different = [];
            for (let start = 0; start < pixels.length; start += 784) {
                const picture = pixels.subarray(start, start + 784), {values} = prepare(picture, 28);
                if (values.some((value, i) => value !== picture[i])) different.push(start / 784);
            }
            return different;
        }""",
        encoded(images),
    )
    assert different == []


def test_where_and_how_large_a_digit_is_drawn_hardly_matters(page):
    page.keyboard.press("5")
    prepared = page.evaluate(
        """() => [[4, 10, 50], [9, 120, 0], [11, 0, 90]].map(([scale, left, top]) => {
            const image = inkOf(document.querySelector("#picture")), ink = new Uint8Array(420 * 420);
            for (let y = 0; y < 28 * scale; y++)
                for (let x = 0; x < 28 * scale; x++)
                    ink[(top + y) * 420 + left + x] = image[Math.floor(y / scale) * 28 + Math.floor(x / scale)];
            return Array.from(prepare(ink, 420).values);
        })"""
    )
    assert torch.equal(torch.tensor(prepared), seen(page).float().expand(3, -1))


def test_it_answers_while_a_digit_is_drawn(page, draw):
    expect(page.locator("#answer")).to_have_text("Draw a digit to see an answer.")
    expect(page.locator("#hint")).to_be_visible()
    for corners, digit in (SEVEN, "7"), (ONE, "1"):
        draw(page, page, corners)
        expect(page.locator("#digit")).to_have_text(digit)
        expect(page.locator("#hint")).to_be_hidden()
        page.mouse.up()
        expect(page.locator("#spoken")).to_contain_text(f"{digit}, ")
        expect(page.locator("#bars .first")).to_contain_text(digit)
        assert len(page.locator("#bars").inner_text().split("%")) == 11
        page.get_by_role("button", name="Clear").click()


@pytest.mark.parametrize("key", ["Escape", "Delete", "Backspace"])
def test_a_key_and_the_button_clear_everything(page, draw, key):
    for clear in (page.get_by_role("button", name="Clear").click, lambda: page.keyboard.press(key)):
        draw(page, page, SEVEN)
        page.mouse.up()
        assert page.evaluate(SOME_INK) == [True, True, True]
        clear()
        assert page.evaluate(SOME_INK) == [False, False, False]
        expect(page.locator("#digit")).to_have_text("?")


def test_escape_in_the_middle_of_a_stroke_ends_it_and_takes_it_back(page, draw):
    draw(page, page, SEVEN)
    page.keyboard.press("Escape")
    page.mouse.move(300, 300, steps=4)
    page.mouse.up()
    assert strokes(page) == []
    draw(page, page, ONE)
    page.mouse.up()
    expect(page.locator("#digit")).to_have_text("1")


def test_undo_takes_back_stroke_by_stroke_and_brings_back_what_was_cleared(page):
    write(page, 4)
    page.get_by_role("button", name="Clear").click()
    page.keyboard.press("Control+z")
    assert len(strokes(page)) == 2
    expect(page.locator("#digit")).to_have_text("4")
    page.get_by_role("button", name="Undo").click()
    assert len(strokes(page)) == 1
    page.keyboard.press("Control+z")
    assert strokes(page) == []
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_palm_that_rests_beside_a_pen_neither_joins_nor_cuts_its_stroke(page):
    begin(page, ONE, "pen", 1)
    begin(page, [(0.9, 0.9), (0.8, 0.9)], "touch", 2)
    page.evaluate(POINTERS, [["pointerup", "touch", 2, (0.8, 0.9)]])
    page.evaluate(POINTERS, [["pointercancel", "touch", 3, (0.8, 0.9)]])
    page.evaluate(POINTERS, [["pointermove", "pen", 1, (0.5, 0.9)]])
    assert strokes(page) == [3]
    page.evaluate(POINTERS, [["pointerup", "pen", 1, (0.5, 0.9)]])
    expect(page.locator("#digit")).to_have_text("1")


def test_a_pen_takes_over_from_a_palm_that_was_there_first(page):
    begin(page, [(0.9, 0.9), (0.8, 0.9)], "touch", 2)
    begin(page, ONE, "pen", 1)
    page.evaluate(POINTERS, [["pointermove", "touch", 2, (0.1, 0.1)]])
    page.evaluate(POINTERS, [["pointerup", "pen", 1, (0.5, 0.8)]])
    assert strokes(page) == [2]


@pytest.mark.parametrize("pixels", [40, 300])
def test_nine_of_ten_digits_are_read_however_small_they_are_drawn(page, pixels):
    side = pixels / page.locator("#drawing").bounding_box()["width"]
    read = []
    for digit in STROKES:
        write(page, digit, 0.1, 0.1, side)
        read.append(page.locator("#digit").inner_text())
        page.keyboard.press("Backspace")
    assert sum(answer == str(digit) for answer, digit in zip(read, STROKES, strict=True)) >= 9, read


def test_several_digits_are_several_answers_and_each_can_be_picked(page):
    write(page, 4, 0.03, 0.3, 0.35)
    expect(page.locator("#digit")).to_have_text("4")
    write(page, 2, 0.6, 0.25, 0.35)
    expect(page.locator("#digit")).to_have_text("42")
    for button in page.locator("#digit button").all():
        expect(button).to_have_attribute("data-confidence", re.compile(r"\d %"))
    expect(page.locator("#answer")).to_have_text(re.compile(r"2: confidence \d.* %; next \d"))
    expect(page.locator("#spoken")).to_contain_text("4 2, ")
    expect(page.locator("#bars .first")).to_contain_text("2")  # the last one drawn
    two = seen(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#bars .first")).to_contain_text("4")
    assert not torch.equal(seen(page), two)
    page.get_by_role("button", name="2, confidence").click()
    expect(page.locator("#bars .first")).to_contain_text("2")
    assert torch.equal(seen(page), two)
    expect(page.locator("#networks .says").first).to_have_text("42")


def test_a_digit_that_is_begun_beside_another_leaves_that_one_as_it_is(page):
    write(page, 4, 0.03, 0.3, 0.5)
    four = seen(page)
    begin(page, [(0.52, 0.5), (0.55, 0.5), (0.55, 0.55)])
    expect(page.locator("#digit")).to_have_text(re.compile(r"4\d"))
    page.keyboard.press("ArrowLeft")
    assert torch.equal(seen(page), four)


def test_hardly_a_test_digit_is_taken_for_several(page):
    images = data.load("test").images[:1000]
    counts = page.evaluate(
        """text => {
            const pixels = bytes(text), counts = [];
            for (let start = 0; start < pixels.length; start += 784)
                counts.push(separate(pixels.subarray(start, start + 784), 28).length);
            return counts;
        }""",
        encoded(images),
    )
    assert sum(count != 1 for count in counts) <= 3


def test_a_picture_that_may_be_no_digit_is_said_to_be_one_and_the_bars_stay(open_page, monkeypatch, tmp_path):
    """The network that judges takes the picture's mean: much ink is a digit, and little is none."""
    judge = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 10, 1), nn.Flatten()).requires_grad_(False)
    judge[1].weight.fill_(0)[0] = 1
    judge[1].bias.fill_(0)
    monkeypatch.setattr(module, "judge", lambda: {**module.describe(judge), "least": -0.15})
    (tmp_path / "page.html").write_text(module.page([module.own(load("Model4"))]))
    page = open_page((tmp_path / "page.html").as_uri())
    write(page, 1, 0.6, 0.1, 0.3)
    expect(page.locator("#digit")).to_have_text("1?")
    expect(page.locator("#doubt")).to_have_text("This may be no digit, says a second network.")
    expect(page.locator("#answer")).to_contain_text("confidence ")
    expect(page.locator("#spoken")).to_contain_text("1? This may be no digit, says")
    expect(page.locator("#bars .first")).to_contain_text("1")
    page.keyboard.press("8")
    expect(page.locator("#doubt")).to_be_empty()
    page.keyboard.press("Backspace")
    write(page, 8, 0.1, 0.1, 0.35)
    write(page, 1, 0.6, 0.1, 0.35)
    expect(page.locator("#doubt")).to_have_text("What has a ? may be no digit, says a second network.")


def test_a_link_holds_the_strokes_and_opens_to_the_same_answer(page, open_page):
    write(page, 4, 0.03, 0.3, 0.35)
    write(page, 2, 0.6, 0.25, 0.35)
    page.get_by_role("button", name="Share").click()
    address = page.get_by_label("Link to this drawing").input_value()
    assert len(address) < 1500
    other = open_page(address)
    expect(other.locator("#digit")).to_have_text("42")
    assert (seen(other) - seen(page)).abs().float().mean() < 5
    page.goto(module.PAGE.as_uri() + "#7.AB")  # what is none is ignored
    expect(page.locator("#digit")).to_have_text("42")


def test_a_link_holds_a_test_digit(page, open_page):
    page.keyboard.press("6")
    page.get_by_role("button", name="Share").click()
    other = open_page(page.get_by_label("Link to this drawing").input_value())
    assert torch.equal(seen(other), seen(page))


def test_a_link_goes_when_the_drawing_changes_and_keys_work_after_it_was_copied(page):
    for change in (lambda: page.keyboard.press("3"), page.get_by_role("button", name="Undo").click):
        page.keyboard.press("6")
        page.get_by_role("button", name="Share").click()
        expect(page.locator("#shared")).to_be_visible()
        change()
        expect(page.locator("#shared")).to_be_hidden()
        assert "#" not in page.url


def test_a_number_of_many_digits_stays_in_its_column(page):
    for place in range(10):
        write(page, place, 0.01 + 0.098 * place, 0.4, 0.075)
    expect(page.locator("#digit button")).to_have_count(10)
    box = page.locator("#digit").bounding_box()
    assert box["x"] + box["width"] < page.locator("#inside").bounding_box()["x"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_while_the_pen_is_down_nothing_is_doubted(page, draw):
    draw(page, page, [(0.5, 0.5), (0.52, 0.5)])
    expect(page.locator("#doubt")).to_be_empty()
    page.mouse.up()
    expect(page.locator("#doubt")).to_contain_text("may be no digit")


def test_which_pixels_mattered_are_shown_over_the_picture_if_wished(page):
    orange = "() => inkOf(document.querySelector('#matter')).filter(ink => ink > 0).length"
    page.keyboard.press("7")
    assert page.evaluate(orange) == 0
    page.get_by_role("button", name="Which pixels mattered?").click()
    assert 20 < page.evaluate(orange) < 400
    expect(page.locator("#matters-note")).to_be_visible()
    page.keyboard.press("Backspace")
    assert page.evaluate(orange) == 0


def test_the_keys_0_to_9_show_test_digits_as_they_are_and_they_are_answered(page):
    digits = data.load("test")
    for digit in range(10):
        page.keyboard.press(str(digit))
        assert torch.equal(seen(page), digits.images[digits.labels == digit][0].flatten().long())
        expect(page.locator("#spoken")).to_contain_text(f"{digit}, ")


def test_everything_is_reached_with_the_keyboard(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="How they were trained")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#drawing")).to_be_focused()
    page.keyboard.press("3")
    expect(page.locator("#spoken")).to_contain_text("3, ")
    for name in ["Undo", "Clear", "Share", *(f"Test digit {digit}" for digit in range(10)), "Which pixels mattered?"]:
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Model3")).to_be_focused()
    expect(page.locator("#meaning")).to_contain_text("Model3 has ")
    page.keyboard.press("Tab")
    tile = page.get_by_role("button", name="Map 1 of 8, layer 1")
    expect(tile).to_be_focused()
    page.keyboard.press("Enter")
    expect(tile).to_have_attribute("aria-expanded", "true")


def test_a_click_enlarges_a_map_and_its_filter(page):
    page.keyboard.press("8")
    tile = page.get_by_role("button", name="Map 3 of 10, layer 2")
    small = [tile.locator(part).bounding_box()["width"] for part in (".map", ".filter")]
    tile.click()
    large = [tile.locator(part).bounding_box()["width"] for part in (".map", ".filter")]
    assert all(after > 3 * before for before, after in zip(small, large, strict=True))
    expect(tile).to_contain_text("A pixel of it depends on 5×5 pixels of the picture.")
    expect(tile).to_contain_text("a square for each of the 8 maps before it")


def test_each_network_shows_its_layers_all_their_maps_and_a_sentence_for_each(page):
    page.keyboard.press("8")
    for index, name in enumerate(SHOWN):
        page.locator("#networks label").nth(index).click()
        layers = module.describe(load(name))["layers"]
        assert page.locator("#layers > li").count() == len(layers)
        assert all(len(note) > 20 for note in page.locator("#layers .note").all_text_contents())
        for i, layer in enumerate(layers[:-1]):
            row = page.locator("#layers > li").nth(i)
            if layer["kind"] == "convolution":
                assert row.locator(".map").count() == row.locator(".filter").count() == layer["channels"]
            assert row.locator(".map").evaluate_all("maps => maps.some(map => inkOf(map).some(ink => ink > 0))")
        assert page.locator("#layers .logit").count() == 10


def test_the_networks_answer_side_by_side_with_parameters_and_accuracy_from_the_records(page):
    records_by_name = {name: load_of(name, RESULTS) for name in SHOWN}
    page.keyboard.press("7")
    rows = page.locator("#networks label")
    assert rows.count() == len(SHOWN)
    for row, (name, records) in zip(rows.all(), records_by_name.items(), strict=True):
        accuracy = 100 * fmean(record.final.test_accuracy for record in records)
        expect(row).to_contain_text(name if name in SERIES else " parameters")
        expect(row).to_contain_text(f"{records[0].parameters:,} parameters")
        expect(row).to_contain_text(f"{accuracy:.2f}\u00a0%")
        expect(row.locator(".says")).to_have_text("7")
        expect(row.locator(".percent")).to_have_text(re.compile(r"\d %"))


def test_paper_answer_and_layers_are_in_one_view_on_a_desktop(page):
    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [1280, 800]
    for name in ["#drawing", "#examples", "#matters", "#digit", "#bars", "#networks", "#meaning"]:
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800, name
    assert page.locator("#layers > li").nth(2).bounding_box()["y"] < 600


def test_paper_and_bars_are_in_one_view_on_a_phone_and_the_answer_stays_while_layers_scroll(open_page):
    page = open_page(**PHONE, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ["#digit", "#answer", "#bars", "#thumb", "#drawing", "#clear"]:
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, name
    page.locator("#layers .logit").first.scroll_into_view_if_needed()
    for name in ["#digit", "#answer", "#bars", "#thumb"]:
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 200, name


def test_the_paper_stays_where_it_is_whatever_is_answered(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "judge", lambda: {**module.describe(load("Model1")), "least": 1000})
    (tmp_path / "page.html").write_text(module.page([module.own(load("Model4"))]))
    page = open_page((tmp_path / "page.html").as_uri(), viewport={"width": 360, "height": 740})
    places = [page.locator("#drawing").bounding_box()]
    for i, digit in enumerate([2, 0, 2, 6]):
        write(page, digit, 0.02 + 0.25 * i, 0.2, 0.2)
        expect(page.locator("#digit")).to_have_text("?".join("2026"[: i + 1]) + "?")
        places.append(page.locator("#drawing").bounding_box())
    assert places == places[:1] * 5


@pytest.mark.parametrize("width", [360, 600, 900])
def test_no_window_scrolls_sideways(open_page, width):
    page = open_page(viewport={"width": width, "height": 800})
    write(page, 4, 0.03, 0.3, 0.35)
    write(page, 2, 0.6, 0.25, 0.35)
    page.locator(".tile").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_finger_is_answered_and_can_clear_right_after_a_stroke(open_page):
    page = open_page(**PHONE)
    box, button = (page.locator(name).bounding_box() for name in ("#drawing", "#clear"))
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (box["x"] + 150, box["y"] + 50))
    for step in range(20):
        touch("touchMove", (box["x"] + 150, box["y"] + 50 + 12 * step))
    touch("touchEnd")
    expect(page.locator("#digit")).to_have_text("1")
    touch("touchStart", (button["x"] + 20, button["y"] + 20))
    touch("touchEnd")
    expect(page.locator("#digit")).to_have_text("?")


def test_on_touch_buttons_are_44_pixels_high_and_no_keys_are_named(open_page):
    page = open_page(**PHONE)
    for button in page.locator("button:visible, #networks label").all():
        assert min(button.bounding_box()[side] for side in ("width", "height")) >= 44
    expect(page.locator(".keys")).to_be_hidden()


def test_where_there_are_keys_they_are_named(page):
    expect(page.locator("#examples-title")).to_have_text("Or take a test digit (keys 0 to 9):")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_and_borders_stand_out_by_a_contrast_of_3_in(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.keyboard.press("3")
    contrasts = page.evaluate(CONTRASTS)
    assert all(contrast >= 3 for contrast in contrasts.values()), contrasts


def test_everything_is_painted_again_when_light_becomes_dark(page):
    colour = """name => {
        const {data} = document.querySelector(name).getContext("2d").getImageData(0, 0, 28, 28);
        return Math.max(...data.filter((_, i) => i % 4 === 0 && data[i + 3] > 0));  // red, where there is ink
    }"""
    page.keyboard.press("0")
    names = ["#examples canvas", "#picture", ".tile .map"]
    assert all(page.evaluate(colour, name) < 50 for name in names)
    listen = 'matchMedia("(prefers-color-scheme: dark)").addEventListener("change", done)'
    page.evaluate(f"() => {{ window.turned = new Promise(done => {listen}); }}")
    page.emulate_media(color_scheme="dark")
    page.evaluate("() => turned")
    assert all(page.evaluate(colour, name) > 200 for name in names)
    expect(page.locator("#digit")).to_have_text("0")


def test_where_scripts_do_not_run_the_page_says_what_to_press(open_page):
    sleeping, awake = open_page(java_script_enabled=False), open_page()
    expect(sleeping.locator("#dead")).to_contain_text("In JupyterLab, click Trust HTML")
    expect(awake.locator("#dead")).to_have_count(0)


def test_a_link_leads_back_to_the_lesson(page):
    link = page.get_by_role("link", name="How they were trained")
    assert link.evaluate("link => link.href") == (ROOT / "README.md").as_uri()


@pytest.fixture
def frame(browser, monkeypatch, tmp_path):
    """A function: what a notebook shows of the page, of a run for example, in a browser."""
    monkeypatch.setattr(module, "RUNS", tmp_path)
    pages = []

    def frame(*what):
        shown = []
        monkeypatch.setattr(module, "display", lambda bundle, **_: shown.append(bundle))
        module.inline(*what)
        pages.append(browser.new_page())
        pages[-1].set_content(shown[0]["text/html"])
        assert base64.b64decode(shown[0]["image/png"]).startswith(b"\x89PNG")
        return pages[-1].frame_locator("iframe")

    yield frame
    for page in pages:
        page.close()


def test_the_page_answers_inside_the_frame_that_a_notebook_shows(frame):
    shown = frame()
    shown.locator("#examples button").nth(7).click()
    expect(shown.locator("#digit")).to_have_text("7")
    assert shown.locator("#networks label").count() == len(SHOWN)
    for name in ["Share", "How they were trained"]:  # a frame has no address to share, and no place beside the lesson
        expect(shown.get_by_text(name)).to_be_hidden()


def test_the_network_of_a_run_answers_beside_the_series_and_its_page_is_kept(frame, few_digits, tmp_path):
    run = train(replace(MODEL4, name="mine", epochs=1), quiet=True)
    shown = frame(run)
    shown.locator("#examples button").nth(7).click()
    expect(shown.locator("#digit")).to_have_text(str(run.logits[0].argmax().item()))  # the first test digit is a 7
    expect(shown.get_by_role("radio", name="Your network")).to_be_checked()
    assert shown.locator("#networks label").count() == 1 + len(SHOWN)
    expect(shown.locator("#networks label").nth(1)).to_contain_text("Model1")
    right = f"{100 * run.history[-1].test_accuracy:.2f}"
    meaning = f"Your network has 7,870 parameters and gets {right}\u00a0% of MNIST's test digits right."
    expect(shown.locator("#meaning")).to_have_text(meaning)
    assert (tmp_path / "page.html").read_text() == module.beside([module.own(run)])


def test_of_a_network_alone_no_accuracy_is_said(frame):
    expect(frame(Mine()).locator("#meaning")).to_have_text("Your network has 1,594 parameters.")


def test_networks_of_files_are_written_beside_the_series_and_the_page_of_the_series_stays(
    open_page, monkeypatch, tmp_path
):
    committed = module.PAGE.read_bytes()
    monkeypatch.setattr(module, "RUNS", tmp_path)
    (tmp_path / "4 my <b>.safetensors").write_bytes(weights.path_of("Model2").read_bytes())
    assert "page.html written" in module.write(load, [str(tmp_path / "4 my <b>.safetensors")])
    page = open_page((tmp_path / "page.html").as_uri())
    expect(page.get_by_role("radio", name="4 my <b>")).to_be_checked()
    expect(page.locator("#meaning")).to_have_text("4 my <b> has 7,870 parameters.")
    assert module.PAGE.read_bytes() == committed


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The address of a page with networks for letters and for clothes, and the two networks."""
    networks = [run_on(LETTERS).network, run_on(CLOTHES).network]
    path = tmp_path_factory.mktemp("others") / "page.html"
    path.write_text(module.beside([module.own(each, name) for each, name in zip(networks, "LC", strict=True)]))
    return path.as_uri(), networks


def test_a_network_for_letters_answers_letters_the_likeliest_first(open_page, others):
    page = open_page(others[0], viewport={"width": 1200, "height": 800})
    bars = page.locator("#bars .name")
    expect(page.locator("#hint")).to_contain_text("Draw here: A, B, C, D, E, F, G, H, I, J and 16 more,")
    assert bars.all_inner_texts() == 10 * ["·"]
    page.keyboard.press("7")
    logits = predict(others[1][0], data.load("test").images[:1])  # it is the first test digit
    likeliest = [LETTERS.classes[label] for label in logits[0].topk(10).indices]
    assert bars.all_inner_texts() == likeliest and likeliest[0] == "H"
    expect(page.locator("#digit")).to_have_text("H")
    expect(page.locator("#answer")).to_have_text(re.compile(rf"confidence [\d.]+ %; next {likeliest[1]}, "))
    expect(page.locator("#bars .first")).to_contain_text("H")
    names = page.locator("#layers .logit b").all_inner_texts()
    assert tuple(names) == LETTERS.classes
    expect(page.locator("#layers .logit.first")).to_contain_text("H")
    expect(page.locator("#layers > li").last).to_contain_text("One number for each class, the logits")
    assert page.locator("#networks .says").all_inner_texts() == ["H", "Sneaker", *["7"] * len(SHOWN)]
    page.keyboard.press("Backspace")
    write(page, 7, 0.03, 0.3, 0.35)
    write(page, 2, 0.6, 0.25, 0.35)
    expect(page.locator("#digit")).to_have_text("HC")
    expect(page.locator("#networks .says").nth(1)).to_have_text("Sneaker, Pullover")


def test_only_where_the_classes_are_digits_something_may_be_none(open_page, others):
    page = open_page(others[0])
    begin(page, [(0.5, 0.5), (0.52, 0.5)])
    page.evaluate(POINTERS, [["pointerup", "mouse", 1, (0.52, 0.5)]])
    expect(page.locator("#doubt")).to_be_empty()
    page.get_by_text("Model4").click()
    expect(page.locator("#doubt")).to_contain_text("may be no digit")
    expect(page.locator("#bars .name")).to_have_text(list("0123456789"))
    page.locator("#networks label").nth(1).click()
    expect(page.locator("#doubt")).to_be_empty()
    expect(page.locator("#bars .name")).to_have_text(list(CLOTHES.classes))


@pytest.mark.parametrize("options", [PHONE, {"viewport": {"width": 1200, "height": 800}}], ids=["phone", "desk"])
def test_long_names_fit_beside_their_bars_and_in_the_answer(open_page, others, options):
    page = open_page(others[0], **options)
    page.locator("#networks label").nth(1).click()
    write(page, 7, 0.03, 0.3, 0.35)
    expect(page.locator("#digit")).to_have_text("Sneaker")
    for names in (page.locator("#bars .name"), page.locator("#layers .logit b")):
        assert tuple(names.all_text_contents()) == CLOTHES.classes
        assert names.evaluate_all("all => all.every(each => each.scrollWidth <= each.parentElement.clientWidth)")
    for name in page.locator("#bars .name").all():
        assert name.evaluate("name => name.scrollWidth <= name.clientWidth"), "it is cut off"
    write(page, 2, 0.6, 0.25, 0.35)
    expect(page.locator("#digit")).to_have_text("SneakerPullover")
    assert page.locator("#digit").evaluate("digit => digit.scrollWidth <= digit.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == options["viewport"]["width"]
    if options is PHONE:
        page.evaluate("scrollTo(0, 0)")
        for part in ("#digit", "#answer", "#bars", "#drawing", "#clear"):
            box = page.locator(part).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 844, part


def test_names_of_classes_are_text_and_are_cut_off_where_there_is_no_room(open_page, tmp_path):
    of = data.DataSet("folder:x", ("</script><b>&", "a very long name " * 5), 0.3, 0.3, "abc")
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    network.learned_from = of
    (tmp_path / "page.html").write_text(module.beside([module.own(network)]))
    page = open_page((tmp_path / "page.html").as_uri(), **PHONE)
    for _ in range(2):
        expect(page.locator("#bars .name")).to_have_text([name.strip() for name in of.classes])
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        write(page, 7, 0.03, 0.3, 0.35)
    assert page.locator("#digit").inner_text().strip() in [name.strip() for name in of.classes]


def test_the_accuracy_of_another_network_is_that_on_its_own_test_images():
    assert module.own(run_on(LETTERS).network)["tested"] == "its test images"
    assert module.own(load("Model1"))["tested"] == "MNIST's test digits"


def test_a_page_that_is_missing_is_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PAGE", tmp_path / "index.html")
    with pytest.raises(InputError, match="index.html is missing or of another version; .* make page"):
        module.beside([])
