"""`python -m clients.cli`."""

import sys

from clients.cli.commands import app
from clients.cli.exits import Exit, plain


def main() -> None:
    """Run the command in sys.argv; whatever happens, no traceback."""
    try:
        app(prog_name="waymark")
    except Exception as fault:  # noqa: BLE001 - the outermost loop: a user gets one line
        sys.stderr.write(f"waymark: {type(fault).__name__}: {plain(str(fault))}\n")
        sys.exit(Exit.UNREACHABLE)


if __name__ == "__main__":
    main()
