"""The repository's address in the notebooks: the setting REPO in the first code cell, and the Colab badge."""

import re
import subprocess
from pathlib import Path

import nbformat

from src import InputError, files

ROOT = Path(__file__).resolve().parent.parent
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"


def set_address(repo=None, notebooks=ROOT / "notebooks"):
    """Write repo ("owner/name" on GitHub, by default that of the git remote origin) into the notebooks.

    Without an address there is no badge. Returns a sentence that says what was done.
    Raises InputError for an address of another form.
    """
    repo = repo if repo is not None else _origin()
    if repo and not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise InputError(f"REPO={repo} is not an address on GitHub; write REPO=owner/name.")
    for path in sorted(notebooks.glob("*.ipynb")):
        notebook = files.read_notebook(path)
        title, setup = notebook.cells[0], next(cell for cell in notebook.cells if cell.cell_type == "code")
        lines = [line for line in title.source.splitlines() if not line.startswith("[![Open in Colab]")]
        if repo:
            url = f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path.name}"
            lines.insert(1, f"{BADGE}({url})")
        title.source = "\n".join(lines)
        setup.source = re.sub(r'^REPO = ".*?"', f'REPO = "{repo}"', setup.source, count=1)
        files.write(path, nbformat.writes(notebook).encode() + b"\n")
    return f"The notebooks point to {repo}." if repo else "No address is known: the notebooks carry no badge."


def _origin():
    """owner/name of the GitHub repository that this clone came from, or ""."""
    try:
        answer = subprocess.run(["git", "-C", ROOT, "remote", "get-url", "origin"], capture_output=True, text=True)
    except OSError:  # no git: then no address is known either
        return ""
    match = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", answer.stdout.strip())
    return match[1] if match else ""
