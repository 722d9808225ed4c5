"""``python -m assay.testing FOLDER``: write the samples, their masks and an index; or treat one as a network would."""

import argparse
import sys

from assay.testing.folder import strip, write


def main(arguments: list[str] | None = None) -> int:
    """Write the samples and name the files that were written."""
    parser = argparse.ArgumentParser(prog="python -m assay.testing", description=main.__doc__)
    parser.add_argument("folder", help="where to write; made where it is missing")
    parser.add_argument("--seed", type=int, default=5, help="which scene (default: 5)")
    parser.add_argument(
        "--strip", metavar="FILE", help="only write stripped.jpg: this file of the folder, cut and resaved"
    )
    given = parser.parse_args(arguments)
    if given.strip:
        sys.stdout.write(f"{strip(given.folder, given.strip)}\n")
        return 0
    for path in write(given.folder, given.seed):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
