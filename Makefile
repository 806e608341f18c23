# The verbs of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXECUTE := $(BIN)/python -m src execute
MODELS := Model1 Model2 Model3 Model4

.DEFAULT_GOAL := help
.PHONY: help run $(MODELS) test report page notebooks bench bench-use bench-depthwise lab lint colab clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

run: $(VENV)/installed  ## train the four models in their notebooks, two at a time; EPOCHS=2 for a quick look
	@case "$(EPOCHS)" in 0|*[!0-9]*) echo "error: EPOCHS=$(EPOCHS) is not a whole number of at least 1" >&2; exit 2;; esac
	@$(BIN)/python -m src data
	@$(MAKE) --no-print-directory --jobs 2 $(MODELS)
	@$(BIN)/python -m src table
	@echo "The notebooks as they ran are in runs/notebooks."

$(MODELS):
	@EPOCHS=$(EPOCHS) $(EXECUTE) notebooks/$@.ipynb --to runs/notebooks

test: $(VENV)/installed lint  ## check style and run the test suite
	$(BIN)/python -m pytest

report: $(VENV)/installed  ## write README tables, figures and the notebooks that read the records; keep weights
	$(BIN)/python -m src weights
	$(BIN)/python -m src report
	$(EXECUTE) notebooks/Evidence.ipynb notebooks/Published.ipynb notebooks/Speed.ipynb notebooks/Sprint.ipynb \
		notebooks/Frontier.ipynb
	$(BIN)/python -m src page

page: $(VENV)/installed  ## write docs/index.html, where drawn digits are answered
	$(BIN)/python -m src page

notebooks: $(VENV)/installed  ## train the models in the committed notebooks again (maintainers)
	$(EXECUTE) $(MODELS:%=notebooks/%.ipynb)

bench: $(VENV)/installed  ## time our loop and the sprint beside the usual loop (on an idle machine)
	$(BIN)/python -m src bench

bench-use: $(VENV)/installed  ## time what an answer costs: one image, and batches
	$(BIN)/python -m src bench use

bench-depthwise: $(VENV)/installed  ## time depthwise convolutions, and what else a separable network costs
	$(BIN)/python -m src bench depthwise

lab: $(VENV)/installed  ## open copies of the notebooks that are yours to change, in JupyterLab
	@$(BIN)/python -m src lab
	$(BIN)/jupyter lab . --LabApp.default_url=/lab/tree/lab

lint: $(VENV)/installed  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

colab: $(VENV)/installed  ## point notebooks and badges to REPO=owner/name (default: the remote origin)
	$(BIN)/python -m src colab $(REPO)

clean:  ## remove what can be made again: environment, data, caches
	rm -rf $(VENV) data runs .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
