"""The command line: parse, call, format; one file a command."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from platonica.errors import PlatonicaError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; user errors are one line on standard error and exit with 2."""
    from platonica.cli._app import app

    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        app(arguments, prog_name="platonica")
    except PlatonicaError as error:
        # One line, whatever an underlying library put into its message.
        print("platonica: error:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _show_warning(message: Warning | str, *_: Any) -> None:
    """Print a warning as one line, without the place in the code that it comes from."""
    print("platonica: warning:", " ".join(str(message).split()), file=sys.stderr)
