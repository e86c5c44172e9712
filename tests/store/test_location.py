from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.store import default_root, features_folder, make_plan, slug


def test_the_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLATONICA_STORE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_root() == tmp_path / ".cache" / "platonica"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert default_root() == tmp_path / ".cache" / "platonica"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_root() == tmp_path / "xdg" / "platonica"
    monkeypatch.setenv("PLATONICA_STORE", "~/store")
    assert default_root() == tmp_path / "store"


@given(st.text(max_size=200))
def test_a_slug_is_one_safe_part_of_a_path(name):
    made = slug(name)
    assert 0 < len(made) <= 80
    assert Path(made).name == made
    assert made.isascii()
    assert not made.startswith((".", "-"))


@pytest.mark.parametrize("name", ["../../../etc", "/etc", "a/../../b", ".", "C:\\x", "nul\0"])
def test_no_name_leaves_the_root(name, tmp_path):
    plan = make_plan(
        model=name,
        model_revision="1",
        modality="text",
        data=name,
        data_revision="1",
        item_ids=("a",),
        item_index=(0,),
        pooling="mean",
        preprocessing="none",
    )
    folder = features_folder(tmp_path, plan)
    assert folder.parent.parent == tmp_path / "features"
    assert folder.resolve() == folder
    assert folder.name.endswith(f"-{plan.fingerprint[:12]}")
