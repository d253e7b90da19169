"""Strategies by name, a reader's own Python file included: FILE.py, or FILE.py:NAME where it declares several."""

import importlib.util
import math
import os
import re
import sys
from dataclasses import replace

from numpy import format_float_positional

from satkit.strategies import STRATEGIES, Strategy, strategy
from satkit.strategies.recipes import combined, with_part
from satkit.utils.errors import UsageError, unknown

FILE = re.compile(r"(?P<path>.*\.py)(:(?P<name>[^+]*))?(?P<parts>(\+[^+]+)*)")


def find_strategy(name: str | Strategy) -> Strategy:
    """A strategy by its short name, or declared in a file, alone or with parts added.

    Args:
        name: What `satkit.strategies.strategy` takes, or FILE.py or FILE.py:NAME with parts: "mine.py:LOUD+memory".

    Raises:
        UsageError: For an unknown name, with the choices and the nearest match, or a file without the strategy.
    """
    if isinstance(name, Strategy):
        return name
    match = FILE.fullmatch(name)
    if not match:
        return strategy(name)
    found = strategy_from_file(match["path"], match["name"] or "")
    return combined(found, [part for part in match["parts"].split("+") if part])


def weighted(strategy: str, weights: dict) -> str:
    """The name of a strategy with other weights for loss terms that it has: "sats" becomes "sats+attention=5".

    Args:
        strategy: What `find_strategy` takes, as text.
        weights: New weights, 0 or more, by what `satkit.strategies.recipes.PARTS` calls the terms: {"attention": 5};
            empty for the strategy's own, which leaves the name as it is.

    Raises:
        UsageError: For a weight that is no number, an unknown part, or one that is no term of the strategy.
    """
    for part, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
            raise UsageError(f"A weight must be a finite number, 0 or more, got {weight!r} for {part!r}.")
        added = f"{part}={format_float_positional(weight, trim='-')}"  # names have no place for exponents
        before = find_strategy(strategy)
        after = with_part(before, added)
        if _unweighted(after) != _unweighted(before):
            raise UsageError(
                f"Only terms that a strategy has can be given another weight, and {part!r} is none of {before.name}. "
                f"Add it by name instead: {strategy}+{added}."
            )
        strategy = f"{strategy}+{added}"
    return strategy


def _unweighted(learning: Strategy) -> Strategy:
    """A strategy without its name and without the weights of its terms, which stand in the order of their names."""
    plain = [replace(term, weight=0) if hasattr(term, "weight") else term for term in learning.terms]
    return replace(learning, name="", terms=tuple(sorted(plain, key=lambda term: term.name)))


def names(text: str) -> tuple[str, ...]:
    """The strategies asked for in one text, separated by commas.

    "all" stands for every one of `STRATEGIES`; files get their whole path, since kernels run elsewhere.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    several = [each for name in asked for each in (STRATEGIES if name == "all" else [name])]
    return tuple(os.path.abspath(name) if FILE.fullmatch(name) else name for name in several)


def strategy_from_file(path: str, name: str = "") -> Strategy:
    """The strategy that a Python file declares at its top level.

    The file is run. Whoever names it trusts it, as with any script.

    Args:
        name: The variable that holds it; may be empty if the file declares one strategy only.

    Raises:
        UsageError: If there is no such file, or it does not run, or the strategy is not in it.
    """
    ready_made = {id(each) for each in STRATEGIES.values()}  # the file may import some to build on
    declared = {
        key: value
        for key, value in run_file(path).items()
        if isinstance(value, Strategy) and id(value) not in ready_made
    }
    if name:
        if name not in declared:
            raise unknown(f"strategy of {path}", name, declared)
        return declared[name]
    if len(declared) != 1:
        some = f"it declares {', '.join(declared)}" if declared else "it declares none"
        raise UsageError(f"{path} must declare one strategy at its top level, but {some}. Name one: {path}:NAME.")
    return next(iter(declared.values()))


def run_file(path: str) -> dict:
    """The names that a Python file defines.

    Raises:
        UsageError: If there is no such file, or it does not run.
    """
    spec = importlib.util.spec_from_file_location("satkit_custom_" + re.sub(r"\W", "_", path), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}. Give the path of a Python file that declares a strategy.") from None
    except Exception as error:
        raise UsageError(f"{path} does not run ({type(error).__name__}: {error}). Mend it first.") from error
    return vars(module)
