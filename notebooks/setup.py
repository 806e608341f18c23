"""Set-up of a notebook: its first cell finds or clones the repository, then executes this file.

It installs what is missing, moves to the root of the repository and makes src and studies importable.
"""

import importlib
import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path


class SetupError(Exception):
    """What was wrong and what to do, in one sentence."""

    def _render_traceback_(self):  # what Jupyter shows in the place of a traceback
        return [f"error: {self}"]


def set_up(root: Path) -> None:
    """Prepare this process for the repository below root. Raises SetupError if that cannot be done."""
    packages = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("src", "studies")}
    files = {name: getattr(module, "__file__", None) or "/" for name, module in packages.items()}
    if others := [name for name, file in files.items() if root not in Path(file).resolve().parents]:
        for name in others:
            del sys.modules[name]
        print(f"This kernel had imported another package called src; from here on, src is the one in {root}.")
    needed = ["filelock", "matplotlib", "safetensors", "scipy", "torchsummary", "tqdm"]
    missing = [name for name in needed if not importlib.util.find_spec(name)]
    names = " ".join(missing)
    if not importlib.util.find_spec("torch"):
        raise SetupError("PyTorch is not installed here; open this notebook with make lab, or install torch.")
    if missing and not importlib.util.find_spec("pip"):
        raise SetupError(f"there is no pip in this environment to install {names}; run: uv pip install {names}")
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *missing]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            why = "refuses installs" if "externally-managed" in done.stderr else "cannot install"
            raise SetupError(f"this environment {why}, and lacks {names}; open this notebook with make lab.")
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it warns where it lists the fonts at first
    os.chdir(root)
    sys.path.insert(0, str(root))
    importlib.import_module("src")  # before PyTorch: it says how the threads of PyTorch wait for each other


set_up(setup.resolve().parent.parent)  # noqa: F821  the first cell has found this file
