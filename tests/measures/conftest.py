"""The pair of spaces whose scores several programs agree on."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest


@pytest.fixture(scope="session")
def oracle():
    """Import a library that nobody here wrote, or skip with its name: ``oracle("hyppo.tools")``.

    Mark tests that call one with ``pytest.mark.filterwarnings("ignore")``: warnings of others
    are not ours to mend.
    """

    def imported(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return importlib.import_module(name)
            except ImportError as error:
                return pytest.skip(f"no oracle: {error}")

    return imported


@pytest.fixture
def golden_pair():
    """Reproducible for good: NumPy's legacy generator is frozen."""
    r = np.random.RandomState(20240513)
    Z = r.standard_normal((200, 8))
    A, B = r.standard_normal((8, 16)), r.standard_normal((8, 24))
    X = Z @ A + 0.5 * r.standard_normal((200, 16))
    Y = Z @ B + 0.5 * r.standard_normal((200, 24))
    np.testing.assert_allclose([X.sum(), Y.sum()], [332.217859748, 353.555034735], rtol=1e-11)
    return X, Y
