"""Data of torchvision, read from small files in each set's own format; nothing goes online."""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from src import InputError, data, download, sources
from src.datasets import named, public
from src.datasets.published import published

NAMES = sorted(data.CLASSES.keys() - {"MNIST"})
IDX = [name for name in NAMES if name != "CIFAR10"]
SIZES = {True: 120, False: 60}  # training and test images, by "train" in the name of a file
BATCHES = [f"data_batch_{k}" for k in range(1, 6)]


def idx(array):
    """An array as people put it into a file."""
    code, array = (8, array) if array.dtype == np.uint8 else (12, array.astype(">i4"))
    return bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def contents(name):
    """The files of a set, few images of which each is another: name -> bytes, unpacked."""
    known, draw = published(name), np.random.RandomState(0)
    if name == "CIFAR10":
        batch = {
            b: {"data": draw.randint(0, 256, (20, 3072)).astype(np.uint8), "labels": [*range(10)] * 2}
            for b in [*BATCHES, "test_batch"]
        }
        batch["batches.meta"] = {"label_names": [f"class {k}" for k in range(10)]}
        return {file: pickle.dumps(each, 2) for file, each in batch.items()}
    files, first = {}, name == "EMNIST-letters"
    for file in known.files:
        count = SIZES["train" in file]
        labels = np.arange(count) % data.CLASSES[name] + first
        if "images" in file:
            array = draw.randint(0, 256, (count, 28, 28)).astype(np.uint8)
        elif file.endswith("int"):
            array = np.stack([labels, *draw.randint(0, 70_000, (7, count))], axis=1).astype(np.int32)
        else:
            array = labels.astype(np.uint8)
        files[file] = idx(array)
    return files


def md5(content):
    return hashlib.md5(content).hexdigest()


def packed(content):
    return gzip.compress(content, mtime=0)


def archive_of(name, files):
    """The archive of a set as it is published."""
    target = io.BytesIO()
    if name == "CIFAR10":
        with tarfile.open(fileobj=target, mode="w") as archive:
            for file, content in reversed(files.items()):
                member = tarfile.TarInfo(f"cifar-10-batches-py/{file}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        with zipfile.ZipFile(target, "w") as archive:
            for file, content in files.items():
                archive.writestr(zipfile.ZipInfo(f"gzip/{file}.gz"), packed(content))
    return packed(target.getvalue()) if name == "CIFAR10" else target.getvalue()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root of its own, with the checksums of the small files in the place of the published ones."""
    for name in ["FashionMNIST", "KMNIST"]:
        sums = [(f"{file}.gz", md5(packed(content))) for file, content in contents(name).items()]
        monkeypatch.setattr(getattr(datasets, name), "resources", sums)
    qmnist = [(f"https://a/{file}.gz", md5(packed(content))) for file, content in contents("QMNIST").items()]
    monkeypatch.setattr(datasets.QMNIST, "resources", {"train": qmnist[:2], "test": qmnist[2:]})
    cifar = [[file, md5(content)] for file, content in contents("CIFAR10").items()]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", cifar[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", cifar[5:6])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {**datasets.CIFAR10.meta, "md5": cifar[6][1]})
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive_of("CIFAR10", contents("CIFAR10"))))
    letters, balanced = contents("EMNIST-letters"), contents("EMNIST-balanced")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(archive_of("EMNIST", letters | balanced)))
    monkeypatch.setattr(sources, "run", unreachable)
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path / "root"))
    named._of_torchvision.cache_clear()
    yield tmp_path / "root"
    named._of_torchvision.cache_clear()


def unreachable(arguments, folder):
    raise sources.DownloadError("<urlopen error nobody is there>")


def put(folder, files, rename=str, wrap=bytes):
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / rename(file)).write_bytes(wrap(content))


def home(name, root):
    return root / published(name).home


def listing(root):
    """All files below a folder but the locks, with what they hold."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def refused(name, root):
    """The sentence with which data is refused; nothing on the disk changes."""
    before = listing(root)
    with pytest.raises(InputError) as error:
        public.read(name, root)
    assert listing(root) == before and not [*root.rglob(".fetch-*")]
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
    return str(error.value)


def right(name, read):
    """Whether what was read is what contents() has."""
    (images, labels), (test_images, test_labels), classes = read
    assert len(classes) == len(set(classes)) == data.CLASSES[name]
    assert images.dtype == test_images.dtype == np.uint8 and labels.dtype == test_labels.dtype == np.int64
    count, tests = (100, 20) if name == "CIFAR10" else (120, 60)
    assert images.shape == (count, 1, 28, 28) and test_images.shape == (tests, 1, 28, 28)
    own = [np.arange(n) % data.CLASSES[name] for n in (count, tests)]
    assert (labels == own[0]).all() and (test_labels == own[1]).all()
    if name != "CIFAR10":
        files = list(contents(name).values())
        for these, file in ((images, files[0]), (test_images, files[2])):
            stored = np.frombuffer(file, np.uint8, offset=16).reshape(-1, 1, 28, 28)
            assert (these == (stored.swapaxes(2, 3) if name.startswith("EMNIST") else stored)).all()
    return True


def test_what_is_known_is_torchvision_s():
    assert [len(published(name).files) for name in NAMES] == [7, 4, 4, 4, 4, 4]
    assert "".join(published("EMNIST-letters").classes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    balanced = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
    assert "".join(published("EMNIST-balanced").classes) == balanced
    assert "".join(published("QMNIST").classes) == "0123456789"
    assert published("FashionMNIST").classes[9] == "Ankle boot" and published("KMNIST").classes[8:] == ("re", "wo")
    for name in ["FashionMNIST", "KMNIST", "QMNIST", "CIFAR10"]:
        assert all(len(md5) == 32 for md5 in published(name).files.values())
    assert list(published("KMNIST").files) == list(download.SHA256)
    assert [len(published(name).md5) for name in ("CIFAR10", "EMNIST-letters")] == [32, 32]


@pytest.mark.parametrize("name", NAMES)
def test_each_set_is_read_where_torchvision_keeps_it_and_torchvision_reads_the_same(root, name):
    put(home(name, root), contents(name))
    assert right(name, read := public.read(name, root))
    kind, _, split = name.partition("-")
    for part, (images, labels) in zip((True, False), read[:2], strict=True):
        theirs = getattr(datasets, kind)(root, *[split][: len(split)], train=part)
        if name == "CIFAR10":
            grey = (theirs.data @ [0.299, 0.587, 0.114]).astype(np.float32)
            fitted = np.stack([Image.fromarray(each).resize((28, 28), Image.Resampling.BICUBIC) for each in grey])
            assert np.abs(images[:, 0] - fitted.clip(0, 255)).max() < 0.51
            assert labels.tolist() == theirs.targets
        else:
            upright = theirs.data.mT if kind == "EMNIST" else theirs.data
            assert (upright.numpy() == images[:, 0]).all()
            assert [int(label) - (split == "letters") for _, label in theirs] == labels.tolist()


@pytest.mark.parametrize("name", IDX)
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-idx", ".idx"])
@pytest.mark.parametrize("place", ["{}/raw", "{}", "{}/gzip"])
def test_files_are_found_under_the_names_that_people_have(root, name, place, dot, ending):
    folder = root / place.format(name.partition("-")[0])
    put(folder, contents(name), lambda f: f.replace("-idx", dot) + ending, packed if ending else bytes)
    before = listing(root)
    assert right(name, public.read(name, root)) and listing(root) == before


@pytest.mark.parametrize("place", ["fashion-mnist", "fashion_mnist", "Fashion MNIST/raw", "fashion-mnist/data/fashion"])
def test_a_folder_is_found_as_people_spell_it(root, place):
    put(root / place, contents("FashionMNIST"), lambda f: f"{f}.gz", packed)
    assert right("FashionMNIST", public.read("FashionMNIST", root))


def test_the_root_itself_may_have_the_name_of_the_set(root):
    put(root / "kmnist", contents("KMNIST"))
    assert right("KMNIST", public.read("KMNIST", root / "kmnist"))


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw"])
def test_files_where_mnist_lies_are_not_taken_for_another_set(root, name, place):
    put(root / place, contents(name))
    assert f"{name} needs train-images-idx3-ubyte" in refused(name, root)


@pytest.mark.parametrize("name", ["QMNIST", "EMNIST-letters", "CIFAR10"])
@pytest.mark.parametrize("place", ["", "raw"])
def test_files_whose_names_say_all_may_lie_in_the_root(root, name, place):
    put(root / place, contents(name))
    assert right(name, public.read(name, root))


def test_files_of_several_places_are_put_together_and_a_right_one_is_taken_instead_of_a_wrong_one(root):
    files = contents("KMNIST")
    put(root / "KMNIST" / "raw", {file: files[file] for file in list(files)[:3]})
    put(root / "kmnist", {file: files[file] for file in list(files)[3:]}, lambda f: f"{f}.gz", packed)
    (root / "KMNIST" / "raw" / download.TEST_LABELS).write_bytes(b"damaged")
    before = listing(root)
    assert right("KMNIST", public.read("KMNIST", root)) and listing(root) == before


@pytest.mark.parametrize("place", ["EMNIST/raw", "EMNIST", "emnist", ""])
@pytest.mark.parametrize("name", ["EMNIST-letters", "EMNIST-balanced"])
def test_nist_s_archive_is_read_as_it_is(root, name, place):
    whole = archive_of("EMNIST", contents("EMNIST-letters") | contents("EMNIST-balanced"))
    put(root / place, {"gzip.zip": whole})
    assert right(name, public.read(name, root)) and len(listing(root)) == 1
    (root / place / "gzip.zip").write_bytes(whole + b"more")
    assert f"gzip.zip is not the file that {name} publishes: its MD5 is" in refused(name, root)


@pytest.mark.parametrize("place", ["", "CIFAR10", "cifar-10", "cifar-10-batches-py"])
def test_the_archive_of_cifar10_is_read_as_it_is(root, place):
    put(root / place, {"cifar-10-python.tar.gz": archive_of("CIFAR10", contents("CIFAR10"))})
    assert right("CIFAR10", public.read("CIFAR10", root)) and len(listing(root)) == 1


def test_emnist_is_brought_upright(root):
    picture = np.zeros((28, 28), np.uint8)
    picture[2:26, 5] = picture[25, 5:20] = 255  # an L
    files = contents("EMNIST-letters")
    for file, count in (("emnist-letters-train-images-idx3-ubyte", 120), ("emnist-letters-test-images-idx3-ubyte", 60)):
        files[file] = idx(np.stack([picture.T] * count))
    put(root / "EMNIST" / "raw", files)
    for images, _ in public.read("EMNIST-letters", root)[:2]:
        assert (images == picture).all()


def test_a_colour_becomes_the_grey_of_its_brightness(root, monkeypatch):
    colours = np.repeat([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]] * 5, 1024, axis=1).astype(np.uint8)
    batch = pickle.dumps({"data": colours, "labels": [0] * 20}, 2)
    files = {**contents("CIFAR10"), "test_batch": batch}
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(batch)]])
    put(root, files)
    images = public.read("CIFAR10", root)[1][0]
    assert [np.unique(image).tolist() for image in images[:4]] == [[76], [150], [29], [255]]


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST", "QMNIST"])
def test_a_packed_file_that_is_not_the_published_one_is_refused(root, name):
    files = contents(name)
    put(home(name, root), files, lambda f: f"{f}.gz", packed)
    path = home(name, root) / f"{[*files][2]}.gz"
    path.write_bytes(gzip.compress(files[[*files][2]], 1, mtime=0))
    sentence = refused(name, root)
    assert sentence.startswith(
        f"{path} is not the file that {name} publishes: its MD5 is {md5(path.read_bytes())}, not "
    )
    assert sentence.endswith("; it stays as it is; move it away or set MNIST_ROOT to another folder.")


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_that_is_not_the_published_one_is_not_read(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    put(root / "cifar-10-batches-py", {**contents("CIFAR10"), "data_batch_3": pickle.dumps(Bomb())})
    assert "data_batch_3 is not the file that CIFAR10 publishes" in refused("CIFAR10", root)
    shutil.rmtree(root)
    put(root, {"cifar-10-python.tar.gz": archive_of("CIFAR10", {"data_batch_3": pickle.dumps(Bomb())})})
    assert "cifar-10-python.tar.gz is not the file that CIFAR10 publishes" in refused("CIFAR10", root)
    assert not Path("exploded").exists()


PICTURES, LABELS = np.zeros((120, 28, 28), np.uint8), np.arange(120, dtype=np.uint8) % 26 + 1


@pytest.mark.parametrize(
    "part, content, words",
    [
        ("images", b"", "begins with nothing, not with 00 00 08 03"),
        ("images", b"\0\0", "begins with 00 00, not with 00 00 08 03"),
        ("images", bytes([0, 0, 8, 3]), "each of its parts has 0 x 0 values, not 28 x 28"),
        ("images", idx(LABELS), "begins with 00 00 08 01, not with 00 00 08 03"),
        ("images", b"<!DOCTYPE html>", "begins with 3c 21 44 4f, not with"),
        ("images", idx(PICTURES)[:-1], "has 94095 bytes, but its header speaks of 120 parts, 94096 bytes"),
        ("images", idx(PICTURES) + b"x", "has 94097 bytes, but its header speaks of 120 parts"),
        ("images", idx(PICTURES[:0]), "has 16 bytes, but its header speaks of 0 parts"),
        ("images", idx(PICTURES[:, :20]), "each of its parts has 20 x 28 values, not 28 x 28"),
        ("images", packed(idx(PICTURES))[:-9], "Compressed file ended before the end-of-stream marker was reached"),
        ("images", b"\x1f\x8bnothing to unpack", "Unknown compression method"),
        ("labels", idx(LABELS - 1), "it has labels from 0 to 25, not from 1 to 26"),
        ("labels", idx(LABELS + 1), "it has labels from 2 to 27, not from 1 to 26"),
        ("labels", idx(LABELS.astype(np.int32)), "begins with 00 00 0c 01, not with 00 00 08 01"),
    ],
)
def test_a_file_that_does_not_fit_to_its_name_is_refused_in_one_sentence(root, part, content, words):
    folder = home("EMNIST-letters", root)
    put(folder, contents("EMNIST-letters"))
    path = folder / f"emnist-letters-train-{part}-idx{3 if part == 'images' else 1}-ubyte"
    path.write_bytes(content)
    sentence = refused("EMNIST-letters", root)
    assert sentence.startswith(f"{path} cannot be read as a file of EMNIST-letters: ") and words in sentence
    assert sentence.endswith("; it stays as it is; move it away or set MNIST_ROOT to another folder.")


def test_labels_of_qmnist_have_eight_values(root):
    put(folder := home("QMNIST", root), contents("QMNIST"))
    (folder / "qmnist-test-labels-idx2-int").write_bytes(idx(np.zeros((60, 1), np.int32)))
    assert (
        "qmnist-test-labels-idx2-int cannot be read as a file of QMNIST: each of its parts has 1 values, not 8"
        in refused("QMNIST", root)
    )


def test_images_and_labels_must_be_as_many(root):
    put(folder := home("KMNIST", root), contents("KMNIST"))
    (folder / download.TEST_LABELS).write_bytes(idx(np.zeros(59, np.uint8)))
    both = f"{folder / download.TEST_IMAGES} has 60 images, but {folder / download.TEST_LABELS} has 59 labels"
    assert refused("KMNIST", root).startswith(f"{both}; they stay as they are")


def test_mnist_in_the_folder_of_another_set_is_not_taken_for_it(root, monkeypatch):
    files = contents("KMNIST")
    monkeypatch.setitem(download.SHA256, download.TEST_IMAGES, hashlib.sha256(files[download.TEST_IMAGES]).hexdigest())
    put(home("KMNIST", root), files)
    assert (
        "t10k-images-idx3-ubyte cannot be read as a file of KMNIST: it has MNIST's digits; it stays as it is"
        in refused("KMNIST", root)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_download_that_fails_names_the_folder_and_the_files(root, name):
    known, sentence = published(name), refused(name, root)
    start = f"{name} needs {', '.join(known.files)} below {root}, and torchvision cannot fetch them from {known.source}"
    assert sentence.startswith(f"{start}: <urlopen error nobody is there>; put them, ")
    assert sentence.endswith(f" into {home(name, root)} by hand.") and known.archive in sentence
    assert home(name, root).is_dir()
    put(home(name, root), contents(name))  # as it says
    assert right(name, public.read(name, root))


def test_a_real_download_from_where_nobody_answers_ends_in_that_sentence(root, monkeypatch):
    monkeypatch.undo()
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]:
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    for exception in ["no_proxy", "NO_PROXY"]:
        monkeypatch.delenv(exception, raising=False)
    sentence = refused("EMNIST-letters", root)
    assert "Connection refused" in sentence and f"into {root / 'EMNIST' / 'raw'} by hand" in sentence


def as_torchvision(name):
    """A download that gives what torchvision leaves in its folder."""

    def run(arguments, folder):
        assert f"torchvision.datasets.{name.partition('-')[0]}({str(folder)!r}, " in arguments[1]
        compile(arguments[1], "program", "exec")
        put(home(name, folder), contents(name))
        put(home(name, folder), contents(name), lambda f: f"{f}.gz", packed)
        if name.startswith("EMNIST"):
            whole = archive_of("EMNIST", contents("EMNIST-letters") | contents("EMNIST-balanced"))
            put(home(name, folder), {"gzip.zip": whole})

    return run


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fetched_lies_where_torchvision_keeps_it(root, monkeypatch, name, capsys):
    monkeypatch.setattr(sources, "run", as_torchvision(name))
    files = contents(name)
    assert right(name, public.read(name, root))
    extra = ["gzip.zip"] if name.startswith("EMNIST") else []
    assert sorted(path.name for path in listing(root)) == sorted([*files, *extra])
    assert {path.parent for path in listing(root)} == {home(name, root)} and not [*root.rglob(".fetch-*")]
    assert f"{[*files][0]} of {name} fetched with torchvision into {home(name, root)}." in capsys.readouterr().out
    monkeypatch.setattr(sources, "run", unreachable)
    assert right(name, public.read(name, root))
    if extra:
        assert right("EMNIST-balanced", public.read("EMNIST-balanced", root))


def test_only_what_is_missing_is_put_there_and_nothing_is_overwritten(root, monkeypatch):
    monkeypatch.setattr(sources, "run", as_torchvision("KMNIST"))
    files, own = contents("KMNIST"), root / "kmnist"
    put(own, {file: files[file] for file in [*files][:2]}, lambda f: f"{f}.gz", packed)
    leftover = root / "KMNIST" / ".fetch-KMNIST-killed"
    put(leftover, {"half": b"of it"})
    before = {path: content for path, content in listing(root).items() if path.is_relative_to(own)}
    assert right("KMNIST", public.read("KMNIST", root)) and not leftover.exists()
    new = listing(root).keys() - before.keys()
    assert new == {home("KMNIST", root) / file for file in [*files][2:]} and before.items() <= listing(root).items()


def test_a_folder_with_the_name_of_a_file_stays(root, monkeypatch):
    monkeypatch.setattr(sources, "run", as_torchvision("KMNIST"))
    put(home("KMNIST", root) / download.TEST_LABELS, {"kept": b"mine"})
    assert f"{download.TEST_LABELS} is no file that can be read; it stays as it is" in refused("KMNIST", root)


def test_a_download_without_some_of_the_files_is_refused(root, monkeypatch):
    monkeypatch.setattr(sources, "run", lambda arguments, folder: None)
    assert "torchvision cannot fetch them from" in (sentence := refused("KMNIST", root))
    assert ": it came without some of them; put them, packed or not, into" in sentence


def test_a_root_that_cannot_be_written_is_one_sentence(root):
    root.write_text("a file")
    with pytest.raises(
        InputError, match="cannot read or keep KMNIST under .*; set MNIST_ROOT to a folder that can be read and"
    ):
        public.read("KMNIST", root)


@pytest.mark.parametrize("name", NAMES)
def test_data_is_loaded_by_its_name_with_every_split(root, name):
    put(home(name, root), contents(name))
    train, test, validation = (named.load(name, split) for split in ["train", "test", "validation"])
    assert train.of.name == name and len(train.of.classes) == data.CLASSES[name] and train.of == test.of
    assert abs(train.images.float().mean() / 255 - train.of.mean) < 1e-4
    assert abs((train.images.float() / 255).std() - train.of.std) < 1e-3
    assert len(validation) + len(named.load(name, "validation-rest")) == len(train)
    assert len(named.load(name, "resplit-3")) == len(test) and len(named.load(name, "resplit-3-rest")) == len(train)
    assert torch.equal(train.labels.unique(), torch.arange(data.CLASSES[name]))
