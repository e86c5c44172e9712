"""`platonica measures`: every measure and diagnostic is listed, and shown in full."""

from __future__ import annotations

import dataclasses
import json

import pytest

from platonica.cli import main
from platonica.measures import DIAGNOSTICS, MEASURES, MeasureBase, describe

EVERYTHING = {**MEASURES, **DIAGNOSTICS}


def printed(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["measures", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_all_are_listed_by_family(capsys):
    text = printed(capsys)
    for name, one in EVERYTHING.items():
        assert f"\n{name} " in text
        assert getattr(one.spec, "family", "diagnostic").capitalize() in text
    assert text.index("Neighbourhood") < text.index("mutual_knn") < text.index("Kernel")
    assert "−∞" in text


def test_a_long_name_is_never_broken(capsys, monkeypatch):
    name = "permutation_of_a_very_long_distance"
    spec = dataclasses.replace(MEASURES["mutual_knn"].spec, name=name)
    long = dataclasses.make_dataclass("Long", [], bases=(MeasureBase,), frozen=True)
    monkeypatch.setattr(long, "spec", spec, raising=False)
    monkeypatch.setitem(MEASURES, name, long())
    assert f"\n{name} " in printed(capsys)


def test_json_holds_the_declarations(capsys):
    records = json.loads(printed(capsys, "--json"))
    assert [record["name"] for record in records] == list(EVERYTHING)
    for record in records:
        one = EVERYTHING[record["name"]]
        assert record["invariant_to"] == list(one.spec.invariant_to)
        assert record["params"] == dict(one.params)
        assert record["family"] == getattr(one.spec, "family", "diagnostic")
        for told, end in zip(record["bounds"], one.spec.bounds, strict=True):
            assert told == end or (told is None and abs(end) == float("inf"))


@pytest.mark.parametrize("name", EVERYTHING)
def test_one_is_shown_in_full(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    text, one = printed(capsys, name), EVERYTHING[name]
    for label, words in {"Summary": one.spec.summary, **describe(one)}.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"{label}  ")]
        assert line.split("  ", 1)[1].strip() == words
    assert json.loads(printed(capsys, name, "--json"))["name"] == name


def test_parameters_in_the_name_are_shown_as_bound(capsys):
    assert json.loads(printed(capsys, "mutual_knn?k=20", "--json"))["params"]["k"] == 20
    assert "k = 20" in printed(capsys, "mutual_knn?k=20")


@pytest.mark.parametrize(("name", "meant"), [("mutual_nn", "mutual_knn"), ("hubnes", "hubness")])
def test_an_unknown_name_has_the_nearest_of_both_kinds(name, meant, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["measures", name])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"did you mean {meant}" in captured.err
