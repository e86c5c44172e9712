"""Moments of a statistic over all pairings of two spaces, in closed form.

A summary holds all that one space adds, and is made once a space; a pair of summaries gives mean,
variance and third moment in a few operations, whatever the number of items. Arrays in, numbers
out; nothing is sampled.
"""

from platonica.exact_moments._arcs import (
    GraphSummary,
    cycle_mean,
    graph_moments,
    jaccard_mean,
)
from platonica.exact_moments._kernels import (
    KernelSummary,
    UCentredSummary,
    cube_sum,
    kernel_moments,
    u_centre,
    u_centred_moments,
)
from platonica.exact_moments._pairing import PairingMoments
from platonica.exact_moments._rdms import RdmSummary, rdm_variance

__all__ = [
    "GraphSummary",
    "KernelSummary",
    "PairingMoments",
    "RdmSummary",
    "UCentredSummary",
    "cube_sum",
    "cycle_mean",
    "graph_moments",
    "jaccard_mean",
    "kernel_moments",
    "rdm_variance",
    "u_centre",
    "u_centred_moments",
]
