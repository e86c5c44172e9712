"""Features with clusters, as trained networks have them, of any size and the same every time."""

from __future__ import annotations

import numpy as np

__all__ = ["mixture"]


def mixture(
    n: int, d: int = 256, *, n_clusters: int = 1000, intrinsic: int = 32, seed: int = 0
) -> np.ndarray:
    """Draw from a mixture of anisotropic Gaussians.

    Parameters
    ----------
    n, d : int
        Items and features.
    n_clusters : int
        Gaussians, of equal weight.
    intrinsic : int
        Dimensions of each; standard deviations fall like rank^-1/2.
    seed : int

    Returns
    -------
    array of shape (n, d), float32
    """
    r = np.random.default_rng(seed)
    centres = r.standard_normal((n_clusters, d), dtype=np.float32)
    scale = np.arange(1, intrinsic + 1, dtype=np.float32) ** -0.5
    label = r.integers(n_clusters, size=n)
    out = np.empty((n, d), dtype=np.float32)
    for cluster in range(n_clusters):
        axes = np.linalg.qr(r.standard_normal((d, intrinsic)))[0].astype(np.float32)
        members = np.flatnonzero(label == cluster)
        within = r.standard_normal((len(members), intrinsic), dtype=np.float32) * scale
        out[members] = centres[cluster] + within @ axes.T
    return out
