"""Fixtures for all tests: seeded generators, prepared data, and no leftovers between tests."""

from __future__ import annotations

import functools
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from platonica.errors import MissingExtraError
from platonica.measures import MEASURES
from platonica.sources.data import load_data
from platonica.sources.data.stamps import find_stamps
from platonica.sources.extraction import extract

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("ci")


@pytest.fixture
def rng(request):
    """A generator of the test's own, the same in every run and in every order of tests."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


class _Rows:
    """A lazy matrix that hands out rows and nothing else."""

    def __init__(self, array):
        self.shape, self.dtype, self._array = array.shape, array.dtype, array

    def read_rows(self, rows):
        return self._array[rows]


@pytest.fixture
def row_view():
    """Make a lazy view of an array, as stored shards are one."""
    return _Rows


@pytest.fixture(autouse=True)
def _optional_library(request):
    """Skip tests of a measure, or of its name, whose optional library is not installed."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    for value in parameters.values():
        measure = MEASURES.get(value) if isinstance(value, str) else value
        if extra := getattr(getattr(measure, "spec", None), "extra", None):
            pytest.importorskip(extra)


@pytest.fixture(scope="session")
def shared_data():
    """The folder of prepared real data beside the repository."""
    folder = Path(os.environ.get("PLATONICA_SHARED", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no prepared data: set PLATONICA_SHARED to the folder that holds it")
    return folder


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store for this test only."""
    monkeypatch.setenv("PLATONICA_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


# Where the stamps are before any test points the store elsewhere; `make test` fetches them.
STAMPS = find_stamps()


@pytest.fixture(scope="session")
def stamps_data():
    """The stamps, if they are on this machine."""
    if STAMPS is None:
        pytest.skip("no stamps: platonica.sources.data.load_data('stamps') fetches them")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLATONICA_STORE", str(STAMPS.parent.parent))
        return load_data("stamps")


@pytest.fixture(scope="session")
def stamp_features(stamps_data, tmp_path_factory):
    """Features of a model on the stamps, extracted once a session into a store of its own."""
    root = tmp_path_factory.mktemp("stamps-store")

    @functools.cache
    def features(model):
        try:
            return extract(model, stamps_data, store=root)
        except MissingExtraError as error:
            return error

    def features_or_skip(model):
        found = features(model)
        if isinstance(found, MissingExtraError):
            pytest.skip(str(found))
        return found

    features_or_skip.store = root
    return features_or_skip
