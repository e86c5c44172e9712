import base64
import hashlib
import sys

import pytest

from platonica.errors import MissingExtraError, UnknownNameError
from platonica.sources.models import install_models
from platonica.sources.models.catalog import Entry, PackagedFile, catalog

ENTRY = Entry(
    name="made-up",
    modality="text",
    reader="static",
    n_parameters=1,
    size_mb=0.1,
    licence="",
    reference="",
    preprocessing="",
    poolings=("mean",),
    packages={"made-up-weights": "1.0"},
    files={"weights": PackagedFile(package="made-up-weights", suffix="deep/weights.bin")},
    options={},
)


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """An installed distribution with one file of weights, whose digest is on its list of files."""

    def install(contents, *, on_record=None, with_hash=True):
        (tmp_path / "made_up-data" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "made_up-data" / "deep" / "weights.bin").write_bytes(contents)
        info = tmp_path / "made_up_weights-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-weights\nVersion: 1.0")
        digest = hashlib.sha256(on_record or contents).digest()
        code = "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        (info / "RECORD").write_text(
            f"made_up-data/deep/weights.bin,{code if with_hash else ''},{len(contents)}\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_a_revision_holds_version_and_digest(made_up):
    made_up(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()[:16]
    assert ENTRY.revision() == f"made-up-weights 1.0, weights {digest}"
    assert ENTRY.locate("weights").read_bytes() == b"weights"


def test_the_digest_is_read_from_the_list_and_not_computed(made_up):
    made_up(b"changed behind the list", on_record=b"weights")
    assert ENTRY.revision().endswith(hashlib.sha256(b"weights").hexdigest()[:16])


def test_without_a_digest_on_the_list_the_file_is_read(made_up):
    made_up(b"weights", with_hash=False)
    assert ENTRY.revision().endswith(hashlib.sha256(b"weights").hexdigest()[:16])


def test_missing_weights_say_how_to_install_them():
    assert not ENTRY.installed
    with pytest.raises(MissingExtraError, match="run: platonica models install pip:made-up"):
        ENTRY.revision()


def test_a_file_that_is_not_in_its_package_is_named(made_up):
    made_up(b"weights")
    files = {"weights": PackagedFile(package="made-up-weights", suffix="other.bin")}
    with pytest.raises(MissingExtraError, match=r"other\.bin of made-up-weights"):
        ENTRY.model_copy(update={"files": files}).locate("weights")


def test_the_catalog_is_whole():
    assert set(catalog()) == {
        "all-minilm-l6-v2",
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
        "opennsfw",
        "paraphrase-minilm-l3",
        "smollm2-135m",
        "wordllama-256",
    }
    for entry in catalog().values():
        assert {file.package for file in entry.files.values()} <= set(entry.packages)


@pytest.mark.models
def test_installing_what_is_there_does_nothing(monkeypatch):
    entry = catalog()["wordllama-256"]
    if not entry.installed:
        pytest.skip("pip:wordllama-256 is not installed")
    # Were pip to run, this would fail.
    monkeypatch.setattr(sys, "executable", "no-such-python")
    done = install_models(["pip:wordllama-256", "pip:wordllama-256"])
    assert [(each.package, each.new) for each in done] == [("wordllama", False)]


@pytest.mark.parametrize("name", ["pip:wordlama-256", "wordllama-256", "control:pixels"])
def test_only_catalog_models_can_be_installed(name):
    with pytest.raises(UnknownNameError):
        install_models([name])
