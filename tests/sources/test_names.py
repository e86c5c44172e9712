import subprocess
import sys

import pytest

from platonica.errors import MissingExtraError, ParameterError, UnknownNameError
from platonica.sources._contracts import ModelCard
from platonica.sources._libraries import library
from platonica.sources.data import list_data, load_data
from platonica.sources.models import list_models, parse_name, resolve_model


def test_a_name_comes_apart():
    name = parse_name("file:a b/emb.npy?ids=x=1.txt")
    assert (name.scheme, name.body, name.options) == ("file", "a b/emb.npy", {"ids": "x=1.txt"})


@pytest.mark.parametrize(
    "name", ["", ":x", "pip:x?init", "pip:x?=1", "pip:x?init=", "pip:x?a=1&a=1"]
)
def test_a_malformed_name_is_refused(name):
    with pytest.raises(ParameterError):
        parse_name(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("pip:efficientnet-lite9", "pip:efficientnet-lite"),
        ("efficientnet-lite0", "pip:efficientnet-lite0"),
        ("control:pixel", "control:pixels"),
        ("contrl:tfidf", "control:tfidf"),
        ("nothing-like-it", "known: control:color-histogram"),
    ],
)
def test_an_unknown_model_names_the_nearest(name, nearest):
    with pytest.raises(UnknownNameError, match="unknown model") as caught:
        resolve_model(name)
    assert nearest in str(caught.value)


def test_an_unknown_data_set_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean stamps"):
        load_data("stamp")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("control:pixels?size=3", "unknown option 'size'; it takes no options"),
        ("pip:wordllama-256?int=random", "unknown option 'int'; the options are init, seed"),
        ("pip:wordllama-256?seed=1", "needs init=random"),
        ("pip:efficientnet-lite0?init=zeros", "init must be random, not 'zeros'"),
        ("pip:efficientnet-lite0?init=random&seed=-1", "seed must be a whole number"),
        ("pip:opennsfw?init=random", "an ONNX file holds no architecture to initialise"),
        ("pip:paraphrase-minilm-l3?init=random", "an ONNX file holds no architecture"),
        ("pip:wordllama-256?init=random", "static vectors have no architecture"),
        ("file:emb.npy", "names ready features"),
    ],
)
def test_an_option_that_a_model_cannot_have_is_refused(name, message):
    with pytest.raises(ParameterError) as caught:
        resolve_model(name)
    assert message in str(caught.value)


def test_every_listed_model_resolves_or_says_how_to_install_it():
    rows = list_models()
    assert len(rows) == 11
    for row in rows:
        if row.installed:
            card = resolve_model(row.name)
            assert card.modality == row.modality
            assert card.n_parameters == row.n_parameters
            assert card.revision
            assert card.preprocessing
            assert card.reference
        else:
            with pytest.raises(MissingExtraError, match=f"models install {row.name}"):
                resolve_model(row.name)
    assert {row.name for row in list_data()} == {"stamps", "folder:PATH"}


def test_a_card_loads_no_heavy_library():
    program = """
import sys
from platonica.errors import MissingExtraError
from platonica.sources.models import list_models, resolve_model
for row in list_models():
    try:
        resolve_model(row.name)
    except MissingExtraError:
        pass
heavy = {"torch", "transformers", "onnx", "onnxruntime", "tokenizers", "PIL", "matplotlib",
         "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_entry_points_add_sources(tmp_path, monkeypatch):
    module = tmp_path / "elsewhere_sources.py"
    module.write_text(
        "from platonica.sources._contracts import Data, Item, ModelCard\n"
        "def card(name):\n"
        "    return ModelCard(name.text, '1', 'text', ('mean',), name.body, load=dict)\n"
        "def data(name):\n"
        "    return Data(name.text, '1', [Item('a', {'text': [name.body]})])\n"
    )
    info = tmp_path / "elsewhere_sources-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere-sources\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[platonica.models]\nelsewhere = elsewhere_sources:card\n"
        "[platonica.data]\nelsewhere = elsewhere_sources:data\n"
    )
    with pytest.raises(UnknownNameError):
        resolve_model("elsewhere:thing")
    monkeypatch.syspath_prepend(str(tmp_path))
    card = resolve_model("elsewhere:thing")
    assert isinstance(card, ModelCard)
    assert card.preprocessing == "thing"
    assert load_data("elsewhere:words").items[0].payloads == {"text": ["words"]}


def test_a_missing_library_is_named_with_its_extra():
    with pytest.raises(MissingExtraError, match=r'no_such_library.*"platonica\[onnx\]"'):
        library("no_such_library.part", "onnx")


def test_an_error_inside_a_library_passes_through(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import its_own_missing_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="its_own_missing_dependency") as caught:
        library("broken_library", "onnx")
    assert not isinstance(caught.value, MissingExtraError)
