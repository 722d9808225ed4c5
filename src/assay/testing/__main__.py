"""``python -m assay.testing FOLDER``: write the samples, their masks and an index."""

import argparse
import sys

from assay.testing.folder import write


def main(arguments: list[str] | None = None) -> int:
    """Write the samples and name the files that were written."""
    parser = argparse.ArgumentParser(prog="python -m assay.testing", description=main.__doc__)
    parser.add_argument("folder", help="where to write; made where it is missing")
    parser.add_argument("--seed", type=int, default=5, help="which scene (default: 5)")
    given = parser.parse_args(arguments)
    for path in write(given.folder, given.seed):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
