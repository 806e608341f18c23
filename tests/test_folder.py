import os
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image, ImageOps

from src import InputError, data
from src.datasets import fitted, folder, named
from src.pictures.reading import from_picture
from tests.strokes import drawing


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, and keep digits that were found there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitted, "KEPT", tmp_path / "kept")
    return tmp_path


def mnist(each, where, start=0, change=lambda picture: picture, backwards=False):
    """Write so many test digits of each class, from a number on, as PNG files, each named by its number."""
    digits = data.load("test")
    numbers = [n for k in range(10) for n in (start + np.flatnonzero(digits.labels[start:] == k))[:each].tolist()]
    for n in reversed(numbers) if backwards else numbers:
        path = where / str(digits.labels[n].item()) / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        change(Image.fromarray(digits.images[n, 0].numpy())).save(path)
    return where


def images_in(where):
    """The bytes of the pixels of all pictures, sorted."""
    return sorted(np.asarray(Image.open(path)).tobytes() for path in where.rglob("*.png"))


def pictures(where, **classes):
    """Write so many small pictures, each of another shade, for each class."""
    for name, count in classes.items():
        (where / name).mkdir(parents=True)
        for n in range(count):
            Image.new("L", (28, 28), 10 * n + 1).save(where / name / f"{n}.png")
    return where


def read(where, ink=False):
    return folder.read(folder.listing(where), ink)


def single(image, where):
    """The one image that a picture of class a becomes."""
    for name in "ab":
        for part in ("train", "test"):
            (where / part / name).mkdir(parents=True)
            image.save(where / part / name / "0.png")
    (images, _), _, _ = read(where)
    assert (images[0] == images[1]).all()
    return images[0, 0]


def refused(where, ink=False):
    with pytest.raises(InputError) as error:
        read(where, ink)
    return str(error.value)


def test_pictures_of_28_pixels_stay_as_they_are_and_know_their_class(here):
    train, test, classes = read(mnist(20, here / "p"))
    digits = data.load("test")
    known = {image.tobytes(): label for image, label in zip(digits.images.numpy(), digits.labels.tolist(), strict=True)}
    assert classes == tuple("0123456789") and len(train[0]) + len(test[0]) == 200
    for images, labels in (train, test):
        assert images.dtype == np.uint8 and images.shape[1:] == (1, 28, 28) and labels.dtype == np.int64
        assert [known[image.tobytes()] for image in images] == labels.tolist()
    assert sorted(image.tobytes() for images, _ in (train, test) for image in images) == images_in(here / "p")


def test_one_picture_in_seven_of_each_class_is_for_testing_whatever_order_they_were_written_in(here):
    one, other = mnist(20, here / "one"), mnist(20, here / "other", backwards=True)
    for first, second in zip(read(one)[:2], read(other)[:2], strict=True):
        assert all((a == b).all() for a, b in zip(first, second, strict=True))
    (_, train), (_, test), _ = read(one)
    counts = np.bincount(np.concatenate([train, test]))
    assert (np.bincount(test) == np.maximum(1, np.round(counts / 7))).all()
    assert len(set(train[:40])) == 10  # the classes are mixed
    rest = (here / "one" / "0").iterdir()
    next(rest).unlink()
    assert not (read(one)[0][0][:20] == read(other)[0][0][:20]).all()


def test_another_class_does_not_change_which_pictures_of_a_class_are_for_testing(here):
    one, other = pictures(here / "one", a=20, c=20), pictures(here / "other", b=9, a=20, c=20)
    (images, labels), (more, its_labels) = read(one)[1], read(other)[1]
    for label, its in ((0, 0), (1, 2)):
        assert set(images[labels == label, 0, 0, 0]) == set(more[its_labels == its, 0, 0, 0])


def test_two_folders_train_and_test_are_the_split(here):
    mnist(5, here / "p" / "Train")
    mnist(5, here / "p" / "test", start=100)
    train, test, classes = read(here / "p")
    assert classes == tuple("0123456789")
    for (images, _), half in ((train, "Train"), (test, "test")):
        assert len(images) == 50 and sorted(image.tobytes() for image in images) == images_in(here / "p" / half)


def test_classes_are_in_natural_order(here):
    assert read(pictures(here / "p", **{"10": 2, "2": 2, "b": 2, "x10": 2, "x9": 2}))[2] == (
        "2",
        "10",
        "b",
        "x9",
        "x10",
    )


def test_colour_becomes_grey_and_transparency_white(here):
    assert (single(Image.new("RGB", (28, 28), (255, 0, 0)), here / "red") == 76).all()
    clear = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 14, 28))
    assert (single(clear, here / "clear") == np.repeat([0, 255], 14)).all()
    half = Image.new("LA", (28, 28), (0, 128))
    assert abs(int(single(half, here / "half")[5, 5]) - 127) <= 1


def test_16_bits_keep_their_brightness(here):
    assert (single(Image.fromarray(np.full((28, 28), 257 * 100, np.uint16)), here / "p") == 100).all()


def test_other_sizes_are_fitted_smoothly_and_the_rest_has_the_shade_of_the_edge(here):
    wide = Image.new("L", (56, 28), 40)
    wide.paste(200, (20, 10, 36, 18))
    image = single(wide, here / "wide")
    assert (image[:7] == 40).all() and (image[21:] == 40).all() and abs(int(image[13, 13]) - 200) < 4
    tall = single(wide.rotate(90, expand=True), here / "tall")
    assert (tall[:, :7] == 40).all() and (tall[:, 21:] == 40).all() and abs(int(tall[13, 13]) - 200) < 4
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 8).astype(np.uint8), (8, 1)))
    assert len(set(single(ramp, here / "small")[14])) > 20  # not eight steps
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (280, 140)))
    assert np.abs(single(stripes, here / "large")[14, 2:-2].astype(int) - 127).max() <= 6
    assert single(Image.new("L", (300, 2), 9), here / "line").shape == (28, 28)


def test_pictures_keep_their_polarity(here):
    (images, _), _, _ = read(mnist(3, here / "p", change=ImageOps.invert))
    assert images.mean() > 128


@pytest.mark.parametrize("change", [lambda p: p, ImageOps.invert, lambda p: ImageOps.invert(p.resize((90, 90)))])
def test_the_digit_in_each_picture_is_what_from_picture_finds(here, change):
    (images, labels), (more, _), classes = read(mnist(2, here / "p", change=change), ink=True)
    paths = sorted((here / "p").rglob("*.png"))
    expected = sorted(from_picture(path).numpy().tobytes() for path in paths)
    assert sorted(image.tobytes() for image in [*images, *more]) == expected
    path = here / "p" / classes[labels[0]]
    assert images[0].tobytes() in {from_picture(each).numpy().tobytes() for each in path.iterdir()}


def test_digits_that_were_found_are_kept_until_a_picture_changes(here, monkeypatch):
    where, seen = mnist(2, here / "p", change=ImageOps.invert), []
    find = from_picture
    monkeypatch.setattr("src.pictures.reading.from_picture", lambda path: seen.append(path.name) or find(path))
    first, again = read(where, ink=True), read(where, ink=True)
    assert len(seen) == 20 and (first[0][0] == again[0][0]).all() and (first[1][0] == again[1][0]).all()
    path = next((where / "7").iterdir())
    drawing(7).save(path)
    read(where, ink=True)
    assert seen[20:] == [path.name]
    [kept] = (here / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    read(where, ink=True)
    assert len(seen) == 41 and [each.name for each in (here / "kept").iterdir()] == [kept.name]


def test_digits_are_found_where_none_can_be_kept(here, monkeypatch):
    (here / "kept").write_text("a file in the place of the folder")
    assert len(read(mnist(2, here / "p"), ink=True)[0][0])


def test_a_person_who_waits_is_told_why(here, monkeypatch, capsys):
    monkeypatch.setattr(fitted, "MANY", 20)
    read(mnist(2, here / "p"), ink=True)
    assert capsys.readouterr().out == "p: finding the digits in 20 pictures; this takes a while, but only once.\n"
    read(here / "p", ink=True)
    assert not capsys.readouterr().out


def test_a_listing_changes_when_a_file_does(here):
    where = pictures(here / "p", a=3, b=3)
    listings = [folder.listing(where)]
    assert listings[0] == folder.listing(where) and hash(listings[0]) == hash(folder.listing(where))
    Image.new("L", (28, 28), 99).save(where / "a" / "9.png")
    listings.append(folder.listing(where))
    (where / "a" / "9.png").rename(where / "a" / "8.png")
    listings.append(folder.listing(where))
    content = (where / "a" / "8.png").read_bytes()
    (where / "a" / "8.png").write_bytes(content)
    os.utime(where / "a" / "8.png", ns=(1, 1))
    listings.append(folder.listing(where))
    (where / "a" / "8.png").unlink()
    assert folder.listing(where) == listings[0]
    (where / "c").mkdir()
    listings.append(folder.listing(where))
    assert len(set(listings)) == 5


def test_a_folder_is_below_the_current_one_or_in_the_repository(here, monkeypatch):
    pictures(here / "elsewhere" / "p", a=2, b=2)
    monkeypatch.setattr(folder, "ROOT", here / "elsewhere")
    assert folder.listing(folder.Path("p")).path == here / "elsewhere" / "p"
    pictures(here / "p", c=2, d=2)
    assert folder.listing(folder.Path("p")).path == here / "p"
    monkeypatch.setenv("HOME", str(here / "elsewhere"))
    monkeypatch.setenv("USERPROFILE", str(here / "elsewhere"))
    assert folder.listing(folder.Path("~/p")).path == here / "elsewhere" / "p"


def test_what_is_no_picture_is_left_out_and_said_and_nothing_is_changed(here, capsys):
    where = pictures(here / "p", a=3, b=3)
    for name in [".DS_Store", "a/Thumbs.db", "a/.hidden.png", ".ipynb_checkpoints/x.png", "__MACOSX/a/0.png"]:
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(b"x")
    before = folder.listing(where)
    read(where)
    assert not capsys.readouterr().out
    for name in ["labels.csv", "a/notes.txt", "b/image"]:
        (where / name).write_bytes(b"x")
    shutil.copy(where / "a" / "0.png", where / "beside.PNG")
    files = sorted((path, path.stat().st_mtime_ns) for path in where.rglob("*"))
    train, test, classes = read(where)
    assert capsys.readouterr().out.splitlines() == [
        "p: left out 3 with an ending that no picture has; the first is labels.csv.",
        "p: left out 1 beside the folders of the classes; the first is beside.PNG.",
    ]
    assert classes == ("a", "b") and len(train[0]) + len(test[0]) == 6
    assert files == sorted((path, path.stat().st_mtime_ns) for path in where.rglob("*"))
    assert folder.listing(where) != before


def test_a_picture_beside_the_classes_of_train_is_left_out_too(here, capsys):
    pictures(here / "p" / "train", a=1, b=1)
    pictures(here / "p" / "test", a=1, b=1)
    shutil.copy(here / "p" / "train" / "a" / "0.png", here / "p" / "train" / "0.png")
    read(here / "p")
    assert capsys.readouterr().out == "p: left out 1 beside the folders of the classes; the first is train/0.png.\n"


def test_what_is_no_folder_of_classes_is_refused(here):
    needed = "name a folder that holds a folder of pictures for each class."
    for place in (here / "none", folder.Path("none")):
        places = [str(here / "none"), str(folder.ROOT / "none")][: 1 + (not place.is_absolute())]
        assert refused(place) == f"there is no folder {' and no '.join(places)}; {needed}"
    for place in map(folder.Path, ("~nobody-of-this-name/p", "p" * 300)):
        assert refused(place).startswith(f"cannot look for the folder {place}: ") and refused(place).endswith(needed)
    (here / "file.zip").write_bytes(b"x")
    assert refused(folder.Path("file.zip")) == f"file.zip is a file; {needed}"
    (here / "p").mkdir()
    needed = "it must hold a folder of pictures for each of two or more classes."
    assert refused(here / "p") == f"p has no folders in it; {needed}"
    Image.new("L", (28, 28)).save(here / "p" / "0.png")
    assert refused(here / "p") == f"p has no folders in it; {needed}"
    assert refused(pictures(here / "q", a=5)) == f"q has only one class, 'a'; {needed}"
    pictures(here / "r" / "train", a=5, b=5)
    (here / "r" / "test").mkdir()
    assert refused(here / "r") == f"r/test has no folders in it; {needed}"


def test_a_folder_that_may_not_be_read_is_refused(here, monkeypatch):
    where, scan = pictures(here / "p", a=2, b=2), os.scandir

    def denied(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert refused(where) == f"cannot read the folder {where / 'b'}: Permission denied; change who may read it."


def test_classes_that_cannot_be_are_refused(here):
    assert refused(pictures(here / "one", a=5, b=1)) == (
        "the class 'b' of one has only one picture; add one to test on, or remove its folder."
    )
    assert refused(pictures(here / "none", a=5, b=0)) == (
        "the class 'b' of none has no pictures; add some, or remove its folder."
    )
    pictures(here / "deep" / "a", more=3)
    pictures(here / "deep", b=3)
    remedy = "move its pictures up, or name the folder that holds the classes"
    assert refused(here / "deep") == f"the class 'a' of deep holds a folder, 'more'; {remedy}."
    pictures(here / "deeper" / "train", a=2, b=2)
    pictures(here / "deeper" / "test" / "b", more=2)
    assert refused(here / "deeper") == f"the class 'b' of deeper/test holds a folder, 'more'; {remedy}."


@pytest.mark.parametrize("one, other", [("cat", "Cat "), ("caf\u00e9", "cafe\u0301"), ("1", "\u2460")])
def test_classes_of_one_name_are_refused(one, other):
    with pytest.raises(InputError) as error:
        folder.read(listed(one, other), ink=False)
    names = " and ".join(f"'{unicodedata.normalize('NFC', name.strip())}'" for name in (one, other))
    remedy = "give them different names, or put them together"
    assert str(error.value) == f"p has two classes of one name, {names}; {remedy}."


def test_letters_of_two_cases_are_two_classes(monkeypatch):
    monkeypatch.setattr(fitted, "whole", lambda _, names: [np.zeros((28, 28), np.uint8)] * len(names))
    assert folder.read(listed("A", "a"), ink=False)[2] == ("A", "a")


def listed(*names):
    """A listing, as not every system can hold it, of folders with two pictures each."""
    classes = [(name, (), (("0.png", 1, 1), ("1.png", 1, 1))) for name in names]
    return folder.Listing(folder.Path("p"), (("", names, ()), *classes))


def test_train_and_test_must_have_the_same_classes(here):
    pictures(here / "p" / "train", a=2, b=2, c=2)
    pictures(here / "p" / "Test", a=2, b=2)
    assert refused(here / "p") == "the class 'c' is in p/train and not in p/Test; each class must be in both."
    pictures(here / "q" / "train", a=2, b=2)
    pictures(here / "q" / "test", a=2, b=2, c=2)
    assert refused(here / "q") == "the class 'c' is in q/test and not in q/train; each class must be in both."
    pictures(here / "r" / "train", a=2, b=0)
    pictures(here / "r" / "test", a=1, b=1)
    assert refused(here / "r") == "the class 'b' of r/train has no pictures; add some, or remove its folder."


@pytest.mark.parametrize("ink", [False, True])
def test_pictures_that_cannot_be_read_are_named(here, ink):
    where = mnist(2, here / "p", change=lambda picture: picture.resize((60, 60)))
    first, second, third = sorted((where / "7").iterdir())[:1] + sorted((where / "9").iterdir())[:2]
    first.write_bytes(first.read_bytes()[:-300])
    sentence = refused(where, ink)
    assert sentence.startswith(f"cannot use p/7/{first.name}: cannot read the picture (")
    assert sentence.endswith("); replace it or remove it.")
    first.write_text("no picture")
    second.write_bytes(b"")
    third.unlink()
    third.symlink_to(here / "nowhere")
    assert refused(where, ink) == (
        f"cannot use p/7/{first.name} and 2 more pictures: "
        "this is no picture in a format that Pillow reads, such as PNG or JPEG; replace it or remove it."
    )


def test_pictures_of_different_sizes_are_refused_as_they_are_but_not_as_digits(here):
    where = mnist(2, here / "p")
    path = sorted((where / "1").iterdir())[0]
    with Image.open(path) as picture:
        picture.resize((30, 40)).save(path)
    first = min((where / "0").iterdir(), key=lambda path: int(path.stem)).name
    assert refused(where) == (
        f"p/0/{first} has 28 x 28 pixels and 1/{path.name} has 30 x 40; "
        "make all of one size, or if they show digits, write digits: in the place of folder:."
    )
    assert len(read(where, ink=True)[2]) == 10


def test_a_picture_that_does_not_show_just_one_digit_is_refused(here):
    where = mnist(2, here / "p", change=ImageOps.invert)
    path = sorted((where / "1").iterdir())[0]
    Image.new("L", (60, 60), 255).save(path)
    assert refused(where, ink=True) == (
        f"cannot use p/1/{path.name}: the picture has only one colour; draw a digit on it."
    )
    both = Image.new("L", (400, 200))
    both.paste(drawing(1, mode="L"), (0, 0))
    both.paste(drawing(7, mode="L"), (200, 0))
    both.save(path)
    assert refused(where, ink=True) == (
        f"cannot use p/1/{path.name}: it shows 2 digits, and must show one; cut it up or remove it."
    )


def test_an_experiment_has_every_split_of_a_folder(here):
    name = f"folder:{mnist(24, here / 'p')}"
    train, test = named.load(name), named.load(name, "test")
    assert train.of.name == name and train.of.classes == tuple("0123456789") and train.of == test.of
    assert len(train) + len(test) == 240
    for split in ("validation", "resplit-3"):
        held_out, rest = named.load(name, split), named.load(name, data.TRAINED_ON[split])
        whole = len(train) if split == "validation" else 240
        assert len(held_out) + len(rest) == whole and held_out.of == rest.of == train.of
    assert len(named.load(name, "resplit-3")) == len(test)
    assert named.load(f"folder:{folder.Path('p')}").of.hash == train.of.hash
    drawing(3, size=28, width=2, mode="L").save(here / "p" / "3" / "new.png")
    assert named.load(name).of.hash != train.of.hash
    name = f"digits:{mnist(2, here / 'q')}"
    assert len(named.load(name)) == len(named.load(name, "test")) == 10 and named.load(name).of.name == name


def test_a_split_that_leaves_nothing_of_a_class_to_learn_from_is_refused(here):
    name = f"folder:{pictures(here / 'p', a=2, b=9)}"
    assert len(named.load(name)) == 9
    with pytest.raises(InputError, match="nothing of class 'a' to learn from in the split 'validation-rest'"):
        named.load(name, "validation-rest")
