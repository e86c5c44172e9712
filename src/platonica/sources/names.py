"""Names of models and data sets: ``scheme:body?key=value&key=value``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from platonica.errors import ParameterError

__all__ = ["Name", "parse_name"]


@dataclass(frozen=True)
class Name:
    """The parts of a name.

    Attributes
    ----------
    text : str
        As the user wrote it.
    scheme : str
        What stands before the first colon; the whole name where there is none.
    body : str
        What stands after it; empty where there is no colon.
    options : mapping of str to str
        What stands after the question mark.
    """

    text: str
    scheme: str
    body: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The name without its options."""
        return self.text.partition("?")[0]

    def check_options(self, allowed: Iterable[str]) -> Mapping[str, str]:
        """Return the options if all are known.

        Parameters
        ----------
        allowed : iterable of str
            The keys that this kind of name takes.

        Raises
        ------
        ParameterError
            Another key.
        """
        known = sorted(allowed)
        for key in self.options:
            if key not in known:
                may = f"the options are {', '.join(known)}" if known else "it takes no options"
                raise ParameterError(f"{self.text!r}: unknown option {key!r}; {may}")
        return self.options

    def count(self, key: str, *, least: int) -> int | None:
        """Return an option as a whole number, or None where it is not given.

        Raises
        ------
        ParameterError
            Not a whole number, or smaller than ``least``.
        """
        given = self.options.get(key)
        if given is None:
            return None
        if not (given.isascii() and given.isdigit() and int(given) >= least):
            raise ParameterError(
                f"{self.text!r}: {key} must be a whole number of at least {least}, not {given!r}"
            )
        return int(given)


def parse_name(text: str) -> Name:
    """Take a name apart.

    Parameters
    ----------
    text : str
        ``scheme:body?key=value&key=value``; the body and the options may be absent.

    Raises
    ------
    ParameterError
        An empty name, an option without a value, or an option given twice.

    Examples
    --------
    >>> parse_name("pip:efficientnet-lite0?init=random&seed=0").options
    {'init': 'random', 'seed': '0'}
    >>> parse_name("stamps?lang=de").scheme
    'stamps'
    """
    path, _, query = text.partition("?")
    scheme, _, body = path.partition(":")
    if not scheme.strip():
        raise ParameterError(f"a name must read scheme:body?key=value, not {text!r}")
    options: dict[str, str] = {}
    for pair in query.split("&") if query else []:
        key, _, value = pair.partition("=")
        if not key or not value:
            raise ParameterError(f"{text!r}: an option must read key=value, not {pair!r}")
        if key in options:
            raise ParameterError(f"{text!r}: option {key!r} is given twice")
        options[key] = value
    return Name(text, scheme, body, options)
