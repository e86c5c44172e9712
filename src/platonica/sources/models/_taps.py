"""Tap points: the named places of a model where features are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platonica.errors import ParameterError, UnknownNameError
from platonica.sources._contracts import Layer

__all__ = ["check_layers", "tap_points"]


def tap_points(widths: Mapping[str, int | None], *, first: int) -> tuple[Layer, ...]:
    """Layers from input to output.

    Parameters
    ----------
    widths : mapping of name to number of features, in order
    first : {0, 1}
        0 where the first layer is the embedded input itself (depth 0), 1 where it already
        computes something of it.
    """
    last = len(widths) - 1 + first
    return tuple(
        Layer(name=name, depth=(place + first) / last if last else 1.0, n_features=width)
        for place, (name, width) in enumerate(widths.items())
    )


def check_layers(wanted: Sequence[str], layers: Sequence[Layer]) -> list[str]:
    """Return the names of layers that are wanted.

    Raises
    ------
    UnknownNameError
        A name that the model does not have.
    ParameterError
        None at all.
    """
    known = [layer.name for layer in layers]
    if not wanted:
        raise ParameterError("layers must name at least one layer")
    for name in wanted:
        if name not in known:
            raise UnknownNameError.among("layer", name, known)
    return list(wanted)
