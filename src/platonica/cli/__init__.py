"""The command line: parse, call, format; one file a command."""

from __future__ import annotations

import sys

from platonica.errors import PlatonicaError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; user errors are one line on standard error and exit with 2."""
    from platonica.cli._app import app

    try:
        app(arguments, prog_name="platonica")
    except PlatonicaError as error:
        # One line, whatever an underlying library put into its message.
        print("platonica: error:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
