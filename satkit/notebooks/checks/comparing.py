"""What is off in a value that a reader has computed, as the end of a sentence that does not give the answer away.

Two values are the same here if they agree to about three digits: another order of additions is no mistake.
"""

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np

RTOL, ATOL = 1e-3, 1e-6  # of a value, and of the largest value there is
UNEQUAL = 1e-9  # sums that are all zero have no factor


def what_is_off(found, expected, axes: str = "", sums: str = "") -> str:
    """How a value differs from what is expected: "" if it does not.

    Args:
        found: A number, a tensor, an array, a text, or a list, tuple or dict of them.
        expected: The same kind of thing, right.
        axes: Names of the axes of an array, such as "head query key".
        sums: The one among them over which every sum is 1.
    """
    if found is None:
        return "is None; a function needs a return"
    if isinstance(expected, dict):
        return _off_in_dict(found, expected, axes)
    if isinstance(expected, list | tuple):
        return _off_in_list(found, expected, axes)
    if isinstance(expected, str | set):
        return "" if found == expected else "is another one"
    wanted, given = _kind(expected), _kind(found)
    if given != wanted:
        return f"must be {wanted}, it is {given}"
    return next(_off_in_array(_array(found), _array(expected), axes.split(), sums), "")


def _off_in_dict(found, expected: dict, axes: str) -> str:
    if not isinstance(found, dict):
        return f"must be a dict, it is {_kind(found)}"
    if list(found) != list(expected):
        return f"must have the keys {', '.join(map(str, expected))}, in this order"
    said = {key: what_is_off(found[key], expected[key], axes) for key in expected}
    return next((f"is off for {key}: it {off}" for key, off in said.items() if off), "")


def _off_in_list(found, expected: list | tuple, axes: str) -> str:
    if not isinstance(found, list | tuple):
        return f"must be a list or a tuple, it is {_kind(found)}"
    if len(found) != len(expected):
        return f"must have {len(expected)} entries, it has {len(found)}"
    said = (what_is_off(one, other, axes) for one, other in zip(found, expected))
    return next((f"is off in entry {number}: it {off}" for number, off in enumerate(said) if off), "")


def _off_in_array(found: np.ndarray, expected: np.ndarray, axes: list[str], sums: str) -> Iterator[str]:
    """Every sentence that is true of a wrong array, the one that says most first; none for a right one."""
    named = f" ({', '.join(axes)})" if axes else ""
    turned = _turned(found, expected)
    if found.shape != expected.shape:
        if turned:
            yield f"has its axes in another order than wanted{named}"
        yield f"has the shape {found.shape}, wanted is {expected.shape}{named}"
        return
    if close(found, expected):
        return
    if (~np.isfinite(found) & np.isfinite(expected)).any():
        yield "has values that are no finite numbers"
    if turned:
        yield f"has its axes in another order than wanted{named}"
    yield from _off_everywhere(found, expected)
    if sums and not close(found.sum(axis=axes.index(sums)), np.ones(())):
        yield f"is not normalised: its sums over the axis {sums} must be 1"
    if close(np.sort(found, axis=None), np.sort(expected, axis=None)):
        yield "has the right values, in another order"
    yield _some(found, expected)


def _off_everywhere(found: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    """One reason for all values: their sign, a factor, or something added."""
    both = np.isfinite(found) & np.isfinite(expected)
    one, other = found[both], expected[both]
    if close(-one, other):
        yield "has the wrong sign"
    length = float((other * other).sum())
    factor = float((one * other).sum()) / length if length > UNEQUAL else 0.0
    if abs(factor) > UNEQUAL and close(one / factor, other):
        yield f"is {factor:.3g} times what it should be"
    if one.size > 1 and close(one - (one - other).mean(), other):
        yield f"is too {'large' if one.mean() > other.mean() else 'small'} by the same amount everywhere"


def _some(found: np.ndarray, expected: np.ndarray) -> str:
    if found.ndim == 0:
        return "is too large" if found > expected else "is too small"
    wrong = ~np.isclose(found, expected, rtol=RTOL, atol=_smallest(expected), equal_nan=True)
    first = ", ".join(map(str, np.argwhere(wrong)[0])) if wrong.any() else "0"
    return f"has the right shape, but {np.mean(wrong):.0%} of its values are off, first at [{first}]"


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two arrays agree to about three digits; NaN is equal to NaN."""
    return bool(np.allclose(found, expected, rtol=RTOL, atol=_smallest(expected), equal_nan=True))


def _smallest(expected: np.ndarray) -> float:
    return ATOL * max(1e-3, float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))))


def _turned(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the right values are there when axes are exchanged."""
    if sorted(found.shape) != sorted(expected.shape):
        return False
    orders = [order for order in permutations(range(found.ndim)) if order != tuple(range(found.ndim))]
    views = (found.transpose(order) for order in orders)
    return any(view.shape == expected.shape and close(view, expected) for view in views)


def _kind(value) -> str:
    """What a value is, in words; a NumPy number and a tensor of one number are numbers."""
    if isinstance(value, np.generic | bool | int | float) or (hasattr(value, "shape") and not tuple(value.shape)):
        return "a number"
    words = {"Tensor": "a tensor", "ndarray": "a NumPy array", "str": "a text", "NoneType": "None"}
    name = type(value).__name__
    return words.get(name, f"a {name}")


def _array(value) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)


def answer(name: str, function: Callable, *given) -> tuple[object, str]:
    """What a reader's function gives, and what is off where it gives nothing: it is no function, or it stops."""
    if not callable(function):
        return None, f"{name} must be a function, it is {_kind(function)}"
    try:
        return function(*given), ""
    except Exception as error:  # whatever a reader's code may raise
        said = str(error).strip().split("\n")[0].rstrip(".")
        return None, f"{name} stops with {type(error).__name__}{': ' + said if said else ''}"
