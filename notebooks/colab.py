"""Write the repository's address into the notebooks: python notebooks/colab.py [owner/name], for maintainers.

It goes into the setting REPO of the set-up cell and into the Colab badge; without an address there is no badge.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"


def set_address(repo: str, root: Path = ROOT) -> None:
    """Write repo, "owner/name" on GitHub or "" for none, into all notebooks."""
    places = ["notebooks/*.ipynb", "notebooks/solutions/*.ipynb", "studies/*/*.ipynb"]
    for path in sorted(path for place in places for path in root.glob(place)):
        notebook = nbformat.read(path, as_version=4)
        title, setup = notebook.cells[0], next(cell for cell in notebook.cells if cell.cell_type == "code")
        lines = [line for line in title.source.splitlines() if not line.startswith("[![Open in Colab]")]
        if repo:
            place = path.relative_to(root).as_posix()
            lines.insert(1, f"{BADGE}(https://colab.research.google.com/github/{repo}/blob/main/{place})")
        title.source = "\n".join(lines)
        url = f"https://github.com/{repo}" if repo else ""
        setup.source = re.sub(r'^REPO = ".*?"', f'REPO = "{url}"', setup.source, count=1, flags=re.MULTILINE)
        part = path.with_suffix(".part")
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        part.replace(path)


def origin() -> str:
    """Return owner/name of the GitHub repository that this clone came from, or ""."""
    try:
        answer = subprocess.run(["git", "-C", ROOT, "remote", "get-url", "origin"], capture_output=True, text=True)
    except OSError:  # no git: then no address is known either
        return ""
    match = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", answer.stdout.strip())
    return match[1] if match else ""


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else origin()
    if address and not re.fullmatch(r"[\w.-]+/[\w.-]+", address):
        print(f"error: REPO={address} is not an address on GitHub; write REPO=owner/name.", file=sys.stderr)
        sys.exit(2)
    set_address(address)
    print(f"The notebooks point to {address}." if address else "No address is known: the notebooks carry no badge.")
