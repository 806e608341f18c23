"""`make lab` as a learner has it: notebooks run in JupyterLab in a real browser, and Start reads what is drawn."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import nbformat
import pytest
from playwright.sync_api import expect

from src.download import root

OTHERS = ["Playground", "Inside"]  # notebooks that show pictures; Start is tested more closely
SEVEN = [(0.25, 0.22), (0.75, 0.22), (0.45, 0.8)]  # corners of a stroke, as fractions of the paper
# The stand-in of an environment in which `make lab` finds jupyter: no browser of its own, and no password.
JUPYTER = """#!/bin/sh
exec "{python}" -m jupyter "$@" --no-browser --allow-root --IdentityProvider.token= \\
    --ServerApp.port={port} --ServerApp.port_retries=0
"""


def free_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        return other.getsockname()[1]


@pytest.fixture(scope="module")
def lab(browser, copy, tmp_path_factory):
    """The address of JupyterLab, started by `make lab` in a copy of the repository, with no settings of the user."""
    for path in (copy / "notebooks").glob("*.ipynb"):  # what is shown later is from this kernel
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.update({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})
        nbformat.write(notebook, path)
    home, port = tmp_path_factory.mktemp("home"), free_port()
    (home / "bin").mkdir()
    (home / "bin" / "jupyter").write_text(JUPYTER.format(python=sys.executable, port=port))
    (home / "bin" / "jupyter").chmod(0o755)
    (copy / "requirements.txt").touch()
    (home / "installed").touch()
    settings = {name: str(home) for name in ["HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"]}
    settings |= {"JUPYTER_RUNTIME_DIR": str(home / "runtime"), "MNIST_ROOT": str(root()), "OMP_NUM_THREADS": "1"}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | settings
    with open(home / "log", "w") as log:
        command = ["make", "lab", f"VENV={home}"]
        server = subprocess.Popen(command, cwd=copy, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}/"
    for _ in range(300):
        with suppress(OSError), urllib.request.urlopen(f"{address}api"):
            break
        assert server.poll() is None, (home / "log").read_text()
        time.sleep(0.1)
    yield address
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(timeout=30)


@pytest.fixture
def open_lab(browser, lab):
    """A function that opens a page of JupyterLab, so high that a whole notebook is seen; it is closed in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 9000})

    def open_lab(place=""):
        page = context.new_page()
        page.goto(lab + place)
        return page

    yield open_lab
    context.close()


def run_all(page):
    """Run all cells of the notebook that a page shows, wait until they have, and return how many pictures they show."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt")
    expect(last).to_have_text(re.compile(r"\[\d+\]"), timeout=300_000)  # Playground trains what has no record
    for kind in ["error", "stderr"]:
        expect(page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']")).to_have_text([])
    return page.locator(".jp-OutputArea-output img").count()


def test_make_lab_opens_start_and_its_page_reads_a_drawn_digit(open_lab, draw):
    page = open_lab()
    expect(page.get_by_role("heading", name="Start: ")).to_be_visible(timeout=60_000)
    assert page.url.endswith("/lab/Start.ipynb") and run_all(page) == 2
    frame = page.frame_locator(".jp-OutputArea iframe")
    expect(frame.locator("#digit")).to_have_text("?")
    draw(page, frame, SEVEN)
    page.mouse.up()
    expect(frame.locator("#answer")).to_contain_text(re.compile(r"confidence .* %; next \d"))
    expect(frame.locator("#digit")).to_have_text(re.compile(r"\d"))
    expect(frame.locator("#meaning")).to_contain_text("Your network has ")

    page.get_by_role("link", name="runs/page.html").click()
    frame = page.frame_locator(".jp-HTMLViewer iframe")
    expect(frame.locator("#dead")).to_contain_text("click Trust HTML")
    page.get_by_role("button", name="Trust HTML").click()
    expect(frame.locator("#dead")).to_have_count(0)
    expect(frame.locator("#digit")).to_have_text("?")
    draw(page, frame, SEVEN)
    page.mouse.up()
    expect(frame.locator("#digit")).to_have_text(re.compile(r"\d"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_notebook_runs_in_jupyterlab_without_an_error_and_shows_a_picture(open_lab, name):
    assert run_all(open_lab(f"lab/tree/lab/{name}.ipynb?reset")) >= 1
