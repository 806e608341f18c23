"""What a kernel of `make lab` does first: a restarted one asks for the first cell in the place of a NameError.

JupyterLab tells a kernel in JPY_SESSION_NAME the path of its notebook; in one without the set-up cell nothing changes.
"""


def watch_set_up():
    import os
    from pathlib import Path

    def show(shell, kind, error, traceback, tb_offset=None):
        ours = isinstance(error, NameError) or str(error.name).split(".")[0] in ("src", "studies")
        if ours and "set_up" not in shell.user_ns:  # what notebooks/setup.py defines
            sentence = "error: this kernel was restarted, or is new: run the first cell, then those below it."
            error._render_traceback_ = lambda: [sentence]
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    notebook = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if notebook.is_file() and "notebooks/setup.py" in notebook.read_text(encoding="utf-8"):
        from IPython import get_ipython

        get_ipython().set_custom_exc((NameError, ModuleNotFoundError), show)


watch_set_up()
del watch_set_up
