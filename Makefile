# make run [A=photo.png B=painting.png OPTIONS="--weight 2"]   transfer the example pair, or yours
# make test                                                    run all tests
# make package-test                                            build, install and run what is handed out
# make test VENV=.venv-oldest PYTHON=python3.11 CONSTRAINTS=constraints/oldest.txt    with other versions
# make smoke [VENV=... PYTHON=... CONSTRAINTS=...]             a short selection of the tests
# make coverage                                               which lines of kernels/ the tests reach, uncompiled
# make bench [BENCH="--solver --curve"]                        measure this machine's CPU against the bars
# make peers [PEERS="--middlebury DIR"]                        hold it against what people would use instead
# make fuzz [FUZZ_INPUTS=450]                                  13,000 malformed inputs, so many a kind, 60,000 guided,
#                                                              and 10,000 wrong calls of the kernels
# make gpu-check                                               on a GPU: all tests, then the kernels' times
# make hooks                                                   have git run what lint does before each commit
# make docs                                                    build the documentation into out/docs
# make lint, make clean

A = examples/castle.png
B = examples/church.png
OPTIONS = --preset photo2style

FUZZ_INPUTS = 450

VENV = .venv
IN_VENV = $(VENV)/bin/python

# Another environment's Numba compiles for itself.
ifneq ($(VENV),.venv)
export NUMBA_CACHE_DIR = $(abspath $(VENV))/numba
endif

# The first interpreter that runs and is new enough; a pyenv shim may be there and yet not run.
FIND_PYTHON = for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	python=; done

# The CUDA libraries are a gigabyte or more: only where an NVIDIA driver can use them.
HAS_GPU = $(IN_VENV) -c "import ctypes; ctypes.CDLL('libcuda.so.1')" 2>/dev/null
INSTALL = $(IN_VENV) -m pip install $(PIP_OPTIONS) --quiet --disable-pip-version-check $(CONSTRAINTS:%=--constraint %) \
	--editable ./kernels --editable

.PHONY: run test smoke coverage package-test fuzz bench peers gpu-check docs lint hooks clean
.DELETE_ON_ERROR:

run: $(VENV)/installed
	$(IN_VENV) cli.py run "$(A)" "$(B)" $(OPTIONS)

test: $(VENV)/installed-test
	$(IN_VENV) -m pytest -n auto --dist loadfile --no-loadscope-reorder

smoke: $(VENV)/installed-test
	$(IN_VENV) -m pytest -m smoke

# Compiled code leaves no trace, so the kernels run as Python, and those for CUDA in the simulator.
coverage: export NUMBA_DISABLE_JIT = 1
coverage: export NUMBA_ENABLE_CUDASIM = 1
coverage: export COVERAGE_CORE = sysmon
coverage: $(VENV)/installed-test
	$(IN_VENV) -m pytest tests/kernels -n auto -m "not compiled" --cov

package-test: $(VENV)/installed-test
	$(IN_VENV) -m pytest tests/test_package.py -m package --durations 0

fuzz: $(VENV)/installed-test
	FUZZ_INPUTS=$(FUZZ_INPUTS) $(IN_VENV) -m pytest tests/fuzz

bench: $(VENV)/installed-test
	$(IN_VENV) -m benchmarks $(BENCH)

peers: $(VENV)/installed-peers
	$(IN_VENV) -m benchmarks.peers $(PEERS)

gpu-check: $(VENV)/installed-test
	$(IN_VENV) -m benchmarks.gpu_check

# Warnings are errors, and so are references that lead nowhere. Written anew each time: pages are
# made from docstrings, of which Sphinx does not know that they changed.
docs: $(VENV)/installed-docs
	$(IN_VENV) -m sphinx -b html -E -W --keep-going -n -q -d out/.doctrees docs out/docs

lint: $(VENV)/installed-lint
	$(IN_VENV) -m pre_commit run --all-files

hooks: $(VENV)/installed-lint
	$(IN_VENV) -m pre_commit install

clean:
	rm -rf .venv* out .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage*
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps keep pip from running again until pyproject.toml changes.
$(VENV)/installed: pyproject.toml kernels/pyproject.toml $(CONSTRAINTS) | $(IN_VENV)
	$(INSTALL) ".$$($(HAS_GPU) && echo '[gpu]')"
	touch $@

$(VENV)/installed-test: pyproject.toml kernels/pyproject.toml $(CONSTRAINTS) | $(IN_VENV)
	$(INSTALL) ".[test$$($(HAS_GPU) && echo ,gpu)]"
	touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml kernels/pyproject.toml | $(IN_VENV)
	$(INSTALL) ".[docs$$($(HAS_GPU) && echo ,gpu)]"
	touch $@ $(VENV)/installed

$(VENV)/installed-lint: pyproject.toml kernels/pyproject.toml $(CONSTRAINTS) | $(IN_VENV)
	$(INSTALL) ".[test,lint$$($(HAS_GPU) && echo ,gpu)]"
	touch $@ $(VENV)/installed $(VENV)/installed-test

$(VENV)/installed-peers: pyproject.toml kernels/pyproject.toml | $(IN_VENV)
	$(INSTALL) ".[test,peers$$($(HAS_GPU) && echo ,gpu)]"
	touch $@ $(VENV)/installed $(VENV)/installed-test

$(IN_VENV):
	@$(FIND_PYTHON); \
	test -n "$$python" || { echo "Python 3.11 or newer is needed: install it, or name it by PYTHON=..." >&2; exit 1; }; \
	"$$python" -m venv $(VENV)
