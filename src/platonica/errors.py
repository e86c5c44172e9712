"""Named errors: each says which argument is wrong, what is allowed and what came."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DegenerateInputError",
    "InvalidItemError",
    "MissingExtraError",
    "PairingError",
    "ParameterError",
    "PlatonicaError",
    "ShapeError",
    "StaleFeaturesError",
    "StoreError",
    "UnknownNameError",
]


class PlatonicaError(Exception):
    """Base of all errors that a user can cause and mend; the command line exits with 2."""


class ParameterError(PlatonicaError, ValueError):
    """An argument is outside what its function allows."""


class ShapeError(PlatonicaError, ValueError):
    """An array has the wrong shape, or too few items for what was asked."""


class PairingError(PlatonicaError, ValueError):
    """Items of two spaces cannot be paired: ids differ, repeat or are missing."""


class DegenerateInputError(PlatonicaError, ValueError):
    """Features for which a score is undefined: not finite, constant, zero rows, all tied."""


class InvalidItemError(PlatonicaError, ValueError):
    """A stimulus cannot be used: an unreadable image, an empty caption."""


class StoreError(PlatonicaError, OSError):
    """The store cannot be read or written: no permission, a full disk, a broken shard."""


class StaleFeaturesError(PlatonicaError):
    """Stored features do not belong to the manifest beside them."""


class UnknownNameError(PlatonicaError, LookupError):
    """No model, data set, measure or layer has this name."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Say which known names are nearest to the one that was given.

        Parameters
        ----------
        kind : str
            What was looked up, for example ``"measure"``.
        name : str
            The name that is not known.
        known : iterable of str
            The names there are.
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(names)}"
        return cls(f"unknown {kind} {name!r}; {hint}")


class MissingExtraError(PlatonicaError, ImportError):
    """An optional library is not installed; the message holds the pip command."""

    @classmethod
    def of(cls, extra: str, library: str) -> MissingExtraError:
        """Name the missing library and the command that installs it.

        Parameters
        ----------
        extra : str
            The extra of this package that brings the library.
        library : str
            The library that could not be imported.
        """
        return cls(f'{library} is not installed; run: pip install "platonica[{extra}]"')
