# The verbs of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
MODELS := Model1 Model2 Model3 Model4
NOTEBOOKS := $(notdir $(basename $(wildcard notebooks/*.ipynb)))
STUDIES := $(wildcard studies/*/*.ipynb)
# A notebook is executed beside its place and then moved there, so that none is half written.
EXECUTE := $(BIN)/jupyter nbconvert --config notebooks/nbconvert_config.py --to notebook --execute \
	--ExecutePreprocessor.kernel_name=python3 --output-dir runs/executing

.DEFAULT_GOAL := help
.PHONY: help run $(NOTEBOOKS) test test-threads report page notebooks $(STUDIES) bench bench-use bench-depthwise bench-gpu bench-bytes lab lint colab clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/installed-studies: $(VENV)/installed requirements-studies.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-studies.txt
	@touch $@

run: $(VENV)/installed  ## train the four models in their notebooks, two at a time; EPOCHS=2 for a quick look
	@case "$(EPOCHS)" in 0|*[!0-9]*) echo "error: EPOCHS=$(EPOCHS) is not a whole number of at least 1" >&2; exit 2;; esac
	@$(BIN)/python -m src data
	@$(MAKE) --no-print-directory --jobs 2 $(MODELS)
	@$(BIN)/python -m src table
	@echo "The notebooks as they ran are in runs/notebooks."

$(NOTEBOOKS):
	@EPOCHS=$(EPOCHS) $(EXECUTE) notebooks/$@.ipynb
	@mkdir -p runs/notebooks && mv runs/executing/$@.ipynb runs/notebooks/

test: $(VENV)/installed-studies lint  ## check style and run the test suite, two files of it at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-threads: $(VENV)/installed-studies  ## test that threads wait well beside another program (on an idle machine)
	$(BIN)/python -m pytest -m timed -s

report: $(VENV)/installed-studies  ## write README tables and figures and the studies' notebooks; keep weights
	$(BIN)/python -m src weights
	$(BIN)/python -m src report
	$(MAKE) --no-print-directory $(STUDIES)
	$(BIN)/python -m src page

$(STUDIES):
	$(EXECUTE) $@
	@mv runs/executing/$(@F) $@

page: $(VENV)/installed  ## write docs/index.html, where drawn digits are answered; WEIGHTS=my.safetensors adds yours
	$(BIN)/python -m src page $(WEIGHTS)

notebooks: $(VENV)/installed  ## execute the committed notebooks again (maintainers)
	$(MAKE) --no-print-directory $(NOTEBOOKS)
	mv $(NOTEBOOKS:%=runs/notebooks/%.ipynb) notebooks/

bench: $(VENV)/installed-studies  ## time our loop and the sprint beside the usual loop (on an idle machine)
	$(BIN)/python -m src bench

bench-use: $(VENV)/installed-studies  ## time what an answer costs: one image, and batches
	$(BIN)/python -m src bench use

bench-depthwise: $(VENV)/installed-studies  ## time depthwise convolutions, and what else a separable network costs
	$(BIN)/python -m src bench depthwise

bench-bytes: $(VENV)/installed-studies  ## run the C programs of all kept weights, here and on an emulated chip
	$(BIN)/python -m src bench chip
	$(BIN)/python -m src bench beside

bench-gpu: $(VENV)/installed-studies  ## time a GPU in eight to nine minutes: trainings, 100 seeds at once, the usual loop
	$(BIN)/python -m src bench gpu

lab: $(VENV)/installed  ## open copies of the notebooks, yours to change, in JupyterLab; Start first
	@mkdir -p lab/solutions
	@cd notebooks && for path in *.ipynb solutions/*.ipynb; do test -e ../lab/$$path || cp $$path ../lab/$$path; done
	@echo "Your own copies of the notebooks are in lab/; to get a fresh one, remove it from there and run make lab again."
	PYTHONSTARTUP="$(CURDIR)/notebooks/startup.py" $(BIN)/jupyter lab . --LabApp.default_url=/lab/tree/lab/Start.ipynb

lint: $(VENV)/installed-studies  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

colab: $(VENV)/installed  ## point notebooks and badges to REPO=owner/name (default: the remote origin)
	$(BIN)/python notebooks/colab.py $(REPO)

clean:  ## remove what can be made again: environment, data, caches
	rm -rf $(VENV) data runs .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
