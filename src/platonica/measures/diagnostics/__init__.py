"""Quantities of a single space: one function each, with its declarations.

To add one, write it beside its relatives with its declarations; the contract test finds it in
`DIAGNOSTICS` and tests every declaration.
"""

from platonica.measures.diagnostics._base import Diagnostic, DiagnosticSpec
from platonica.measures.diagnostics.directions import DIRECTIONS, isotropy, uniformity
from platonica.measures.diagnostics.neighbors import (
    NEIGHBORS,
    antihub_share,
    hubness,
    reciprocity,
    two_nn_dimension,
)
from platonica.measures.diagnostics.spectrum import (
    SPECTRUM,
    effective_rank,
    outlier_share,
    participation_ratio,
    spectrum_slope,
)

__all__ = [
    "DIAGNOSTICS",
    "Diagnostic",
    "DiagnosticSpec",
    "antihub_share",
    "effective_rank",
    "hubness",
    "isotropy",
    "outlier_share",
    "participation_ratio",
    "reciprocity",
    "spectrum_slope",
    "two_nn_dimension",
    "uniformity",
]

DIAGNOSTICS: dict[str, Diagnostic] = {
    one.spec.name: one for one in (*SPECTRUM, *DIRECTIONS, *NEIGHBORS)
}
"""Canonical name -> diagnostic."""
