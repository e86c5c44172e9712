import json

import pytest

from platonica.errors import ParameterError
from platonica.store import Plan, digest, make_plan

FIELDS = {
    "model": "m",
    "model_revision": "1",
    "modality": "text",
    "data": "d",
    "data_revision": "1",
    "item_ids": ("a", "b"),
    "groups": (None, "g"),
    "item_index": (0, 1, 1),
    "layers": ("x",),
    "pooling": "mean",
    "preprocessing": "none",
    "dtype": "float32",
    "shard_rows": 64,
}

# Values that a careless key would take for the same; the first is the base itself.
VARIANTS = {
    "model": ["m", "M", "m ", "", "0"],
    "model_revision": ["1", "", "0", "None", "1.0"],
    "modality": ["text", "image", ""],
    "data": ["d", "", "0"],
    "data_revision": ["1", "", "0", "None"],
    "item_ids": [("a", "b"), ("b", "a"), ("a", ""), ("a", "0"), ("a", "None")],
    "groups": [(None, "g"), None, (None, None), ("0", "g"), ("", "g"), ("None", "g")],
    "item_index": [(0, 1, 1), (0, 0, 1), (0, 1)],
    "layers": [("x",), "all", ("all",), ("x", "y"), ("y", "x")],
    "pooling": ["mean", "", "0", "None", "last"],
    "preprocessing": ["none", "", "None"],
    "dtype": ["float32", "float64"],
    "shard_rows": [64, 1, 63],
}


def test_every_field_has_variants():
    assert set(VARIANTS) | {"schema_version"} == set(Plan.model_fields)


@pytest.mark.parametrize("field", VARIANTS)
def test_every_field_changes_the_fingerprint(field):
    prints = [make_plan(**FIELDS | {field: value}).fingerprint for value in VARIANTS[field]]
    assert prints[0] == make_plan(**FIELDS).fingerprint
    assert len(set(prints)) == len(prints)


def test_the_fingerprint_is_that_of_version_1():
    # Written down: features that users have must be found by later versions.
    assert make_plan(**FIELDS).fingerprint == "b1b6f50ce83f31f047231969c1cd2e0e"


def test_values_that_move_between_fields_change_the_fingerprint():
    swapped = FIELDS | {"pooling": "none", "preprocessing": "mean"}
    assert make_plan(**swapped).fingerprint != make_plan(**FIELDS).fingerprint


def test_the_fingerprint_survives_json():
    plan = make_plan(**FIELDS)
    again = Plan.model_validate(json.loads(json.dumps(plan.model_dump(mode="json"))))
    assert again == plan
    assert again.fingerprint == plan.fingerprint


def test_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": None}) == digest({"b": None, "a": 1})
    assert digest({"a": 0}) != digest({"a": None})


@pytest.mark.parametrize(("n_rows", "size"), [(1, 1), (64, 64), (65, 64), (7, 3)])
def test_shards_cover_all_rows_once(n_rows, size):
    plan = make_plan(
        **FIELDS
        | {
            "item_ids": tuple(map(str, range(n_rows))),
            "item_index": tuple(range(n_rows)),
            "groups": None,
            "shard_rows": size,
        }
    )
    assert [row for rows in plan.shards for row in rows] == list(range(n_rows))
    assert all(len(rows) == size for rows in plan.shards[:-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item_ids": ("a", "a")}, "item_ids must not repeat"),
        ({"groups": ("g",)}, "groups must have one entry an item"),
        ({"item_index": (0, 0)}, "item_index must name every item"),
        ({"item_index": (1, 0)}, "item_index must name every item"),
        ({"item_index": (0, 1, 0)}, "item_index must name every item"),
        ({"item_index": (0, 1, 2)}, "item_index must name every item"),
        ({"shard_rows": 0}, "shard_rows must be at least 1"),
        ({"model": 3}, "model: "),
        ({"item_ids": ("a", "b\ud800")}, "names, ids and groups must be valid"),
        ({"model": "m\udcff"}, "names, ids and groups must be valid"),
        ({"unknown": 3}, "unknown: "),
    ],
)
def test_plans_that_cannot_be(change, message):
    with pytest.raises(ParameterError, match=f"features cannot be described: {message}") as caught:
        make_plan(**FIELDS | change)
    assert "\n" not in str(caught.value)
