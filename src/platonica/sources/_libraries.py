"""Optional libraries, imported when used."""

from __future__ import annotations

import importlib
from typing import Any

from platonica.errors import MissingExtraError

__all__ = ["library"]


def library(module: str, extra: str) -> Any:
    """Import an optional library.

    Parameters
    ----------
    module : str
        For example ``"PIL.Image"``.
    extra : str
        The extra of this package that brings it.

    Raises
    ------
    MissingExtraError
        It is not installed. An error inside an installed library passes through.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise MissingExtraError.of(extra, module.partition(".")[0]) from error
        raise
