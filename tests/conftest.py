"""Fixtures for all tests: seeded generators, prepared data, and no leftovers between tests."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("ci")


@pytest.fixture
def rng(request):
    """A generator of the test's own, the same in every run and in every order of tests."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


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


@pytest.fixture(scope="session")
def stamp_features(tmp_path_factory):
    """Features of a model on the stamps, extracted once a session into a store of its own."""
    extraction = pytest.importorskip("platonica.sources.extraction")
    pytest.importorskip("torch")
    data = pytest.importorskip("platonica.sources.data")
    if data.load_data("stamps").items == []:
        pytest.skip("no stamps")
    root = tmp_path_factory.mktemp("stamps-store")
    loaded = {}

    def features(model):
        if model not in loaded:
            loaded[model] = extraction.extract(model, "stamps", store=root)
        return loaded[model]

    features.store = root
    return features
