# Thin: everything is in tools/dev.py, which also runs where there is no make.
PYTHON ?= python3

.PHONY: demo test lint docs bench clean
demo test lint docs bench:
	@$(PYTHON) tools/dev.py $@

clean:
	rm -rf .venv demo-report docs/_build .mypy_cache .ruff_cache .pytest_cache
