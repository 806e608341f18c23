"""The studies' notebooks can be read: few words, one picture early, trial tables folded."""

import nbformat
import pytest

from src import ROOT

NOTEBOOKS = sorted((ROOT / "studies").glob("*/*.ipynb"))
MOST_WORDS, MOST_ROWS = 1_200, 20  # of all prose; of a table that is not folded


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    """The cells of a study's notebook."""
    return nbformat.read(request.param, as_version=4).cells


def shown(cells):
    """The Markdown that a notebook's cells show."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


def test_a_notebook_has_few_words_of_prose(cells):
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert words <= MOST_WORDS


def test_a_long_table_is_folded_and_stands_between_blank_lines_so_that_it_is_drawn_as_a_table(cells):
    for text in shown(cells):
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) <= MOST_ROWS or text.startswith("<details><summary>")
        if "<details>" in text:
            assert "</summary>\n\n|" in text and text.endswith("|\n\n</details>")
