"""`python -m labelwright ping`: does feedback arrive from here?"""

import os
import sys

from labelwright.sdk.ping import ping


def main(arguments: list[str]) -> int:
    """Run the one command that needs no extra; return 0 if all is well, 1 if not, 2 for a wrong call."""
    if arguments != ["ping"]:
        sys.stderr.write(
            "usage: python -m labelwright ping   (all else: pip install 'labelwright[cli]', labelwright --help)\n"
        )
        return 2
    is_well, sentence = ping(os.environ.get("LABELWRIGHT_DSN"))
    (sys.stdout if is_well else sys.stderr).write(sentence + "\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
