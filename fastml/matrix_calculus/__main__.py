"""``python -m fastml.matrix_calculus``: the catalogue, with each identity's largest error."""

import argparse
import sys
from collections.abc import Sequence

from fastml.matrix_calculus._catalogue import GROUPS, verify
from fastml.matrix_calculus._layout import LAYOUTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the catalogue, print the table; return 1 if an identity fails."""
    parser = argparse.ArgumentParser(
        prog="python -m fastml.matrix_calculus",
        description="Try every identity of matrix calculus on random matrices.",
    )
    parser.add_argument("--shapes", type=int, default=5, help="how many shapes to try each on")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--rtol", type=float, default=1e-6, help="largest relative error let pass")
    parser.add_argument("--group", choices=GROUPS, help="only the identities of a group")
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0], help="of gradients")
    given = parser.parse_args(arguments)
    try:
        found = verify(given.shapes, given.seed, given.rtol, group=given.group, layout=given.layout)
    except ValueError as error:
        parser.error(str(error))
    print(found)
    print(
        f"\n{len(found)} identities, {given.shapes} shapes each, {given.layout} layout; "
        f"largest relative error {found.largest_error:.1e}."
    )
    for row in found.failed:
        print(f"FAILED: {row.name}, {row.text}: {row.error:.1e}", file=sys.stderr)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
