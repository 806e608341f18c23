"""What torchvision knows of data: names of files, checksums, addresses, classes."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Published:
    """What torchvision knows of data with a name."""

    name: str
    files: dict[str, str]  # training, then test files, unpacked -> MD5 of each as it is published, "" for none
    classes: tuple[str, ...]  # none: the last of the files has their names
    home: str  # the folder that torchvision keeps the files in
    source: str  # the address that it fetches them from
    archive: str = ""  # a file that holds all of them
    md5: str = ""  # of the archive


def published(name: str) -> Published:
    """Return what torchvision knows of data with a name."""
    from torchvision import datasets  # slow

    kind, _, split = name.partition("-")
    of, home = getattr(datasets, kind), f"{kind}/raw"
    if kind == "CIFAR10":
        files = dict([*of.train_list, *of.test_list, (of.meta["filename"], of.meta["md5"])])
        return Published(name, files, (), of.base_folder, of.url, of.filename, of.tgz_md5)
    if kind == "EMNIST":
        parts = ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"]
        files = {f"emnist-{split}-{part}-ubyte": "" for part in parts}
        classes = of.classes_split_dict[split]
        classes = [letter.upper() for letter in classes[1:]] if split == "letters" else classes  # the first is "N/A"
        return Published(name, files, tuple(classes), home, of.url, "gzip.zip", of.md5)
    resources = of.resources["train"] + of.resources["test"] if kind == "QMNIST" else of.resources
    files = {PurePath(address).stem: md5 for address, md5 in resources}
    classes = "0123456789" if kind == "QMNIST" else of.classes
    return Published(name, files, tuple(classes), home, resources[0][0].rpartition("/")[0] or of.mirrors[0])
