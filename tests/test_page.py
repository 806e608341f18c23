"""The page in a real browser: it computes what PyTorch computes, and answers what is drawn."""

import base64
import re
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from src import InputError, data
from src.experiments import MODEL4, SERIES
from src.runs.one import train
from src.runs.records import RESULTS, load_of
from src.training import predict
from src.use import page as module
from src.use.weights import load

SEVEN = [(0.25, 0.22), (0.75, 0.22), (0.45, 0.8)]  # corners of a stroke, as fractions of the paper
ONE = [(0.5, 0.2), (0.5, 0.8)]

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
SOME_INK = """() => ["#drawing", "#picture", "#layers canvas"]
    .map(canvas => inkOf(document.querySelector(canvas)).some(ink => ink > 0))"""


@pytest.fixture
def open_page(browser):
    """Return a function that opens the committed page; in the end no page may have complained or asked for more."""
    complaints, contexts = [], []

    def open_page(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(module.PAGE.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    requests = [complaint for complaint in complaints if not complaint.startswith("data:image/svg")]
    assert requests == [module.PAGE.as_uri()] * len(contexts)


@pytest.fixture
def page(open_page):
    return open_page(viewport={"width": 1280, "height": 900})


def seen(page):
    """Return the picture as the network sees it: 784 integers, row by row."""
    return torch.tensor(page.locator("#picture").evaluate("canvas => Array.from(inkOf(canvas))"))


def encoded(images):
    return base64.b64encode(images.numpy().tobytes()).decode()


def test_the_committed_page_is_what_the_command_writes():
    assert module.PAGE.read_text() == module.page(module.series()), "run make page"


def test_every_network_gives_the_logits_and_the_answers_that_pytorch_gives(page):
    images = data.load("test").images
    chosen = page.get_by_label("Network").evaluate("menu => menu.selectedIndex")
    for index, name in enumerate(SERIES):
        some = images[: 1000 if index == chosen else 100]
        expected = predict(load(name), some)
        logits = torch.tensor(page.evaluate(LOGITS, [name, encoded(some)]))
        assert (logits - expected).abs().max() < 1e-3, name
        assert torch.equal(logits.argmax(dim=1), expected.argmax(dim=1)), name


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
        module.series()


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


def test_clear_and_escape_empty_everything(page, draw):
    for clear in (page.get_by_role("button", name="Clear").click, lambda: page.keyboard.press("Escape")):
        draw(page, page, SEVEN)
        page.mouse.up()
        assert page.evaluate(SOME_INK) == [True, True, True]
        clear()
        assert page.evaluate(SOME_INK) == [False, False, False]
        expect(page.locator("#digit")).to_have_text("?")


def test_the_keys_0_to_9_show_test_digits_as_they_are_and_they_are_answered(page):
    digits = data.load("test")
    for digit in range(10):
        page.keyboard.press(str(digit))
        assert torch.equal(seen(page), digits.images[digits.labels == digit][0].flatten().long())
        expect(page.locator("#spoken")).to_contain_text(f"{digit}, ")


def test_everything_is_reached_with_the_keyboard(page):
    page.keyboard.press("Tab")
    menu = page.get_by_role("combobox", name="Network")
    expect(menu).to_be_focused()
    page.keyboard.press("Home")
    first = menu.input_value()
    page.keyboard.press("ArrowDown")
    assert menu.input_value() != first
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Clear")).to_be_focused()
    for digit in range(10):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=f"Test digit {digit}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#spoken")).to_contain_text("9, ")


def test_each_network_shows_its_layers_and_all_their_maps(page):
    page.keyboard.press("8")
    for index, name in enumerate(SERIES):
        page.get_by_label("Network").select_option(index=index)
        expect(page.locator("#meaning")).to_contain_text(f"{name} has ")
        convolutions = [layer for layer in module.describe(load(name))["layers"] if layer["kind"] == "convolution"]
        for layer in convolutions[:-1]:
            assert page.locator("#layers h3", has_text=f"convolution, {layer['channels']} maps of ").count()
        assert page.locator("#layers li").first.locator("canvas").count() == convolutions[0]["channels"]
        assert page.locator("#layers .logit").count() == 10


def test_the_menu_shows_parameters_and_test_accuracy_from_the_records(page):
    records_by_name = {name: load_of(name, RESULTS) for name in SERIES}
    options = page.locator("#network option").all_text_contents()
    assert [option.split(":")[0] for option in options] == list(SERIES)
    for name, option in zip(SERIES, options, strict=True):
        accuracy = 100 * fmean(record.final.test_accuracy for record in records_by_name[name])
        assert f"{records_by_name[name][0].parameters:,} parameters, {accuracy:.2f} %" in option


def test_it_fits_a_phone_and_answers_a_finger(open_page):
    phone = {"width": 390, "height": 844}
    page = open_page(viewport=phone, has_touch=True, is_mobile=True, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator("#drawing").bounding_box()
    assert box["y"] + box["height"] < phone["height"]
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#answer")).to_contain_text(re.compile(r"\d %.*next \d"))


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
    expect(shown.get_by_label("Network")).to_be_visible()


def test_the_network_of_a_run_answers_alone_and_its_page_is_kept(frame, few_digits, tmp_path):
    run = train(replace(MODEL4, name="mine", epochs=1), quiet=True)
    shown = frame(run)
    shown.locator("#examples button").nth(7).click()
    expect(shown.locator("#digit")).to_have_text(str(run.logits[0].argmax().item()))  # the first test digit is a 7
    expect(shown.get_by_label("Network")).to_be_hidden()
    right = f"{100 * run.history[-1].test_accuracy:.2f}"
    meaning = f"Your network has 7,870 parameters and gets {right}\u00a0% of MNIST's test digits right."
    expect(shown.locator("#meaning")).to_have_text(meaning)
    assert (tmp_path / "page.html").read_text() == module.page([module.own(run)])


def test_of_a_network_alone_no_accuracy_is_said(frame):
    expect(frame(Mine()).locator("#meaning")).to_have_text("Your network has 1,594 parameters.")
