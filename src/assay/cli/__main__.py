"""``python -m assay.cli``: the ``assay`` command where no script is installed."""

from assay.cli.app import main

if __name__ == "__main__":
    main()
