"""Measures of representational alignment: one measure, one object with four verbs.

To add one, write its class beside its relatives and name it in `MEASURES`; the contract test
finds it there and tests every declaration.
"""

from __future__ import annotations

import ast
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import parse_qsl

from platonica.errors import ParameterError, UnknownNameError
from platonica.measures import (
    dcor,
    dissimilarity,
    gromov,
    gulp,
    kernel,
    local,
    matching,
    minibatch,
    neighborhood,
    ordered,
    rbf,
    regression,
    riemannian,
    rv,
    shape,
    subspace,
    unpaired,
)
from platonica.measures._base import Kind, Measure, MeasureBase, MeasureSpec, Moments
from platonica.measures._words import describe, describe_bounds, describe_params
from platonica.measures.dcor import (
    debiased_distance_correlation,
    distance_correlation,
)
from platonica.measures.diagnostics import (
    DIAGNOSTICS,
    Diagnostic,
    DiagnosticSpec,
    antihub_share,
    effective_rank,
    hubness,
    isotropy,
    outlier_share,
    participation_ratio,
    reciprocity,
    spectrum_slope,
    two_nn_dimension,
    uniformity,
)
from platonica.measures.dissimilarity import (
    rsa,
)
from platonica.measures.gromov import (
    gromov_wasserstein_distance,
    gromov_wasserstein_match,
)
from platonica.measures.gulp import (
    gulp_distance,
)
from platonica.measures.kernel import (
    cka,
    debiased_cka,
    feature_corrected_cka,
)
from platonica.measures.local import (
    cknna,
    second_order_cosine,
)
from platonica.measures.matching import (
    hard_matching,
    permutation_procrustes_distance,
    soft_matching,
)
from platonica.measures.minibatch import (
    minibatch_cka,
)
from platonica.measures.neighborhood import (
    cycle_knn,
    jaccard_knn,
    mutual_knn,
)
from platonica.measures.ordered import (
    edit_knn,
    lcs_knn,
    rank_similarity,
)
from platonica.measures.rbf import (
    debiased_rbf_cka,
    rbf_cka,
)
from platonica.measures.regression import (
    linear_predictivity,
    pls_predictivity,
)
from platonica.measures.riemannian import (
    riemannian_distance,
)
from platonica.measures.rv import (
    adjusted_rv,
    debiased_hsic,
    rv2,
)
from platonica.measures.shape import (
    bures_distance,
    bures_similarity,
    procrustes_distance,
    shape_distance,
    size_shape_distance,
)
from platonica.measures.subspace import (
    cca,
    cca_squared,
    eigenspace_overlap,
    pwcca,
    svcca,
)
from platonica.measures.unpaired import (
    frechet_distance,
    mmd_distance,
)

__all__ = [
    "DIAGNOSTICS",
    "MEASURES",
    "Diagnostic",
    "DiagnosticSpec",
    "Kind",
    "Measure",
    "MeasureBase",
    "MeasureSpec",
    "Moments",
    "adjusted_rv",
    "antihub_share",
    "bures_distance",
    "bures_similarity",
    "cca",
    "cca_squared",
    "cka",
    "cknna",
    "cycle_knn",
    "debiased_cka",
    "debiased_distance_correlation",
    "debiased_hsic",
    "debiased_rbf_cka",
    "describe",
    "describe_bounds",
    "describe_params",
    "distance_correlation",
    "edit_knn",
    "effective_rank",
    "eigenspace_overlap",
    "feature_corrected_cka",
    "frechet_distance",
    "get_measure",
    "gromov_wasserstein_distance",
    "gromov_wasserstein_match",
    "gulp_distance",
    "hard_matching",
    "hubness",
    "isotropy",
    "jaccard_knn",
    "lcs_knn",
    "linear_predictivity",
    "minibatch_cka",
    "mmd_distance",
    "mutual_knn",
    "outlier_share",
    "participation_ratio",
    "permutation_procrustes_distance",
    "pls_predictivity",
    "procrustes_distance",
    "pwcca",
    "rank_similarity",
    "rbf_cka",
    "reciprocity",
    "riemannian_distance",
    "rsa",
    "rv2",
    "second_order_cosine",
    "shape_distance",
    "size_shape_distance",
    "soft_matching",
    "spectrum_slope",
    "svcca",
    "two_nn_dimension",
    "uniformity",
]

MEASURES: dict[str, Any] = {
    measure.spec.name: measure
    for measure in (
        neighborhood.MutualKnn(),
        neighborhood.JaccardKnn(),
        neighborhood.CycleKnn(),
        ordered.LcsKnn(),
        ordered.EditKnn(),
        ordered.RankSimilarity(),
        local.SecondOrderCosine(),
        local.Cknna(),
        kernel.CKA(),
        kernel.DebiasedCKA(),
        kernel.FeatureCorrectedCKA(),
        rbf.RbfCKA(),
        rbf.DebiasedRbfCKA(),
        rv.AdjustedRV(),
        rv.RV2(),
        rv.DebiasedHSIC(),
        minibatch.MinibatchCKA(),
        subspace.CCA(),
        subspace.CCASquared(),
        subspace.SVCCA(),
        subspace.PWCCA(),
        subspace.EigenspaceOverlap(),
        gulp.GulpDistance(),
        shape.ProcrustesDistance(),
        shape.SizeShapeDistance(),
        shape.BuresSimilarity(),
        shape.BuresDistance(),
        shape.ShapeDistance(),
        matching.PermutationProcrustesDistance(),
        matching.HardMatching(),
        matching.SoftMatching(),
        riemannian.RiemannianDistance(),
        dissimilarity.Rsa(),
        dcor.DistanceCorrelation(),
        dcor.DebiasedDistanceCorrelation(),
        regression.LinearPredictivity(),
        regression.PLSPredictivity(),
        unpaired.FrechetDistance(),
        unpaired.MmdDistance(),
        gromov.GromovWassersteinDistance(),
    )
}
"""Canonical name -> measure with its default parameters; kin stand together."""


def get_measure(name: str, **params: Any) -> Any:
    """Return the measure of this name, with some parameters bound.

    Parameters
    ----------
    name : str
        A key of `MEASURES`, or a name that an installed package offers under the entry point
        ``platonica.measures``; parameters may follow: ``"mutual_knn?k=20"``.
    **params
        Parameters of the measure; one that it does not have is an error.

    Raises
    ------
    UnknownNameError
        No such measure; the message has the nearest names.
    ParameterError
        No such parameter, a value of another type, or a parameter given twice.

    Examples
    --------
    >>> dict(get_measure("mutual_knn?k=20").params)["k"]
    20
    """
    name, _, query = name.partition("?")
    if name not in MEASURES:
        for point in entry_points(group="platonica.measures", name=name):
            MEASURES[name] = point.load()
    if name not in MEASURES:
        raise UnknownNameError.among("measure", name, MEASURES)
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key in params:
            raise ParameterError(f"{name}: the parameter {key!r} is given twice")
        params[key] = _literal(text)
    return MEASURES[name].bound(**params)


def _literal(text: str) -> Any:
    """A number, True, False or None where the text is one; otherwise the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
