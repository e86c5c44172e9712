"""Numbers and names as a reader sees them; an undefined value never reads as a number."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from decimal import ROUND_UP, Decimal

__all__ = [
    "UNDEFINED",
    "at_floor",
    "clean",
    "format_count",
    "format_interval",
    "format_null",
    "format_number",
    "format_p",
    "format_z",
    "shorten",
    "significance",
]

UNDEFINED = "undefined"
MINUS = "\N{MINUS SIGN}"

# Characters that reorder the text around them: a name could show as another name.
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}
_LEVELS = ((0.001, 3), (0.01, 2), (0.05, 1))


def clean(text: object) -> str:
    r"""Return one line of text without control, surrogate and reordering characters.

    Each of those becomes U+FFFD; line breaks and tabs become spaces. What remains is valid in
    XML, cannot move a terminal's cursor and reads in the order it is written.

    Examples
    --------
    >>> clean("a\tb\x1b[31m")
    'a b�[31m'
    """
    spaced = " ".join(str(text).split("\n")).replace("\t", " ").replace("\r", " ")
    return "".join("\ufffd" if _unprintable(c) else c for c in spaced)


def _unprintable(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in _BIDI
        or character in "\u2028\u2029\ufffe\uffff"
    )


def shorten(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters, cut in the middle.

    Examples
    --------
    >>> shorten("pip:efficientnet-lite0", 12)
    'pip:ef…lite0'
    """
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :] if tail else ''}"


def format_number(value: float | None) -> str:
    """Return a score with at least three decimals, or the word for one that is not there.

    Examples
    --------
    >>> format_number(0.18), format_number(-0.0042), format_number(None), format_number(3.2e-5)
    ('0.180', '−0.0042', 'undefined', '3.2e−5')
    """
    if value is None:
        return UNDEFINED
    size = abs(value)
    if value == 0:
        return "0"
    if size < 0.0005 or size >= 1e5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return f"{value:.{3 if size >= 0.01 else 4}f}".replace("-", MINUS)


def format_null(mean: float | None, std: float | None) -> str:
    """Return mean ± standard deviation of a null, both to two digits of the latter.

    Examples
    --------
    >>> format_null(0.027, 0.00204), format_null(0.027, None), format_null(None, None)
    ('0.0270 ± 0.0020', '0.027', 'undefined')
    """
    if mean is None or not std:
        return format_number(mean)
    decimals = min(max(1 - math.floor(math.log10(std)), 2), 6)
    return f"{mean:.{decimals}f} ± {std:.{decimals}f}".replace("-", MINUS)


def at_floor(pvalue: float | None, n_resamples: int | None) -> bool:
    """Whether a p-value is the smallest that so many permutations can give, 1 / (n + 1)."""
    return bool(pvalue is not None and n_resamples and pvalue * (n_resamples + 1) <= 1 + 1e-9)


def format_p(pvalue: float | None, n_resamples: int | None = None) -> str:
    """Return a p-value; one at its floor reads as a bound.

    Examples
    --------
    >>> format_p(0.001, 999), format_p(0.0123, 999), format_p(0.4, 999), format_p(None)
    ('≤ 0.001', '0.012', '0.400', 'undefined')
    >>> format_p(0.0034), format_p(3.21e-5), format_p(1e-120)
    ('0.0034', '3.2e−5', '< 1e−6')
    """
    if pvalue is None:
        return UNDEFINED
    if at_floor(pvalue, n_resamples):
        exact = Decimal(f"{pvalue:.9g}")
        # rounded up, so that the bound holds
        bound = exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=ROUND_UP)
        return f"≤ {bound.normalize():f}"
    if pvalue < 1e-6:  # so far out the law that p comes from is a guess
        return f"< 1e{MINUS}6"
    if pvalue < 1e-4:
        mantissa, exponent = f"{pvalue:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return f"{pvalue:.3f}" if pvalue >= 0.01 else f"{pvalue:.2g}"


def format_z(z: float | None) -> str:
    """Return a z value with one decimal."""
    return UNDEFINED if z is None else f"{z:.1f}".replace("-", MINUS)


def format_interval(interval: Sequence[float] | None) -> str:
    """Return the ends of an interval, or that it was not computed.

    Examples
    --------
    >>> format_interval([0.1512, 0.2]), format_interval(None)
    ('0.151 to 0.200', 'not computed')
    """
    if interval is None:
        return "not computed"
    return f"{format_number(interval[0])} to {format_number(interval[1])}"


def format_count(n: int | None) -> str:
    """Return a large count in thousands, millions or billions.

    Examples
    --------
    >>> format_count(4_652_008), format_count(768), format_count(None)
    ('4.65 M', '768', 'not stated')
    """
    if n is None:
        return "not stated"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return str(n)


def significance(pvalue: float | None) -> int:
    """Return 3, 2, 1 or 0 marks for p at most .001, .01, .05, or larger (or undefined)."""
    if pvalue is None:
        return 0
    return next((marks for level, marks in _LEVELS if pvalue <= level * (1 + 1e-9)), 0)
