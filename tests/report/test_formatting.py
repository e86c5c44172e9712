import pytest

from platonica.report.formatting import (
    at_floor,
    clean,
    format_count,
    format_interval,
    format_null,
    format_number,
    format_p,
    format_z,
    shorten,
    significance,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.18, "0.180"),
        (1.0, "1.000"),
        (0.0042, "0.0042"),
        (-0.21, "−0.210"),
        (0.0, "0"),
        (1.2e-6, "1.2e−6"),
        (2.5e6, "2.5e6"),
        (None, "undefined"),
    ],
)
def test_numbers_have_sensible_digits(value, shown):
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("mean", "std", "shown"),
    [
        (0.027, 0.00204, "0.0270 ± 0.0020"),
        (0.41, 0.13, "0.41 ± 0.13"),
        (-0.001, 0.02, "−0.001 ± 0.020"),
        (0.02, 0.0, "0.020"),
        (0.02, None, "0.020"),
        (None, 0.02, "undefined"),
    ],
)
def test_a_null_has_the_digits_of_its_spread(mean, std, shown):
    assert format_null(mean, std) == shown


@pytest.mark.parametrize(
    ("pvalue", "n", "shown"),
    [
        (1 / 1000, 999, "≤ 0.001"),
        (1 / 301, 300, "≤ 0.0034"),  # rounded up: .00332 is not at most .0033
        (1 / 20, 19, "≤ 0.05"),
        (2 / 1000, 999, "0.002"),
        (0.0456, 999, "0.046"),
        (0.001, None, "0.001"),
        (1.0, 999, "1.000"),
        (None, 999, "undefined"),
    ],
)
def test_p_at_its_floor_reads_as_a_bound(pvalue, n, shown):
    assert format_p(pvalue, n) == shown


def test_floor_needs_the_number_of_permutations():
    assert at_floor(1 / 1000, 999)
    assert not at_floor(1 / 1000, None)
    assert not at_floor(2 / 1000, 999)
    assert not at_floor(None, 999)


@pytest.mark.parametrize(
    ("pvalue", "marks"),
    [(1 / 1000, 3), (0.0011, 2), (0.01, 2), (0.05, 1), (0.051, 0), (None, 0)],
)
def test_significance_marks_at_the_levels(pvalue, marks):
    assert significance(pvalue) == marks


def test_missing_values_are_named():
    assert format_interval(None) == "not computed"
    assert format_interval([0.1, 0.2]) == "0.100 to 0.200"
    assert format_z(None) == "undefined"
    assert format_z(-3.14) == "−3.1"
    assert format_count(None) == "not stated"
    assert format_count(134_515_008) == "135 M"


@pytest.mark.parametrize("width", range(1, 12))
def test_shortening_keeps_both_ends_within_the_width(width):
    cut = shorten("abcdefghijklmnop", width)
    assert len(cut) == width
    assert "…" in cut
    if width > 2:
        assert cut[0] == "a"
        assert cut[-1] == "p"


def test_what_fits_is_not_shortened():
    assert shorten("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\nb\tc\rd", "a b c d"),
        ("\x1b[31mred\x00", "\ufffd[31mred\ufffd"),
        ("abc\u202edef", "abc\ufffddef"),
        ("lone \ud800", "lone \ufffd"),
        ("模型 ü 🐸", "模型 ü 🐸"),
    ],
)
def test_names_lose_what_could_move_or_reorder_text(raw, safe):
    assert clean(raw) == safe
