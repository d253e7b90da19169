"""Strategies by name: those of satkit, and those that a Python file of your own declares (FILE.py or FILE.py:NAME)."""

import importlib.util
import math
import os
import re
import sys
from dataclasses import replace

from numpy import format_float_positional

from satkit.strategies.recipes import STRATEGIES, combined, with_part
from satkit.strategies.strategy import Strategy
from satkit.utils.errors import UsageError, choose, unknown

FILE = re.compile(r"(?P<path>.*\.py)(:(?P<name>[^+]*))?(?P<parts>(\+[^+]+)*)")


def find_strategy(name: str | Strategy) -> Strategy:
    """A strategy by its short name or declared in a file, alone or with parts added; a strategy comes back as it is.

    Args:
        name: A key of `STRATEGIES`, FILE.py or FILE.py:NAME; then, each after a plus sign, keys of `PARTS`, with a
            number after an equals sign for the weight (for a memory, the number of images): "sats", "mib+attention=5",
            "mine.py:LOUD+memory".

    Raises:
        UsageError: For an unknown name, with the choices and the nearest match, or a file without the strategy.
    """
    if isinstance(name, Strategy):
        return name
    match = FILE.fullmatch(name)
    if match:
        found = strategy_from_file(match["path"], match["name"] or "")
        return combined(found, [part for part in match["parts"].split("+") if part])
    first, *parts = name.split("+")
    by_full_name = {each.name: each for each in STRATEGIES.values() if each.name == first}
    return combined(choose("strategy", first, {**STRATEGIES, **by_full_name}), parts)


def weighted(strategy: str, weights: dict) -> str:
    """The name of a strategy after its loss terms get other weights: "sats" becomes "sats+attention=5".

    Args:
        strategy: What `find_strategy` takes, as text.
        weights: New weights, 0 or more, by the names of the terms in `PARTS`: {"attention": 5}; empty leaves the name
            as it is.

    Raises:
        UsageError: For a weight that is no number, an unknown part, or one that is not a term of the strategy.
    """
    for part, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
            raise UsageError(f"A weight must be a finite number, 0 or more, got {weight!r} for {part!r}.")
        added = f"{part}={format_float_positional(weight, trim='-')}"  # a name cannot hold an exponent
        before = find_strategy(strategy)
        after = with_part(before, added)
        if _unweighted(after) != _unweighted(before):
            raise UsageError(
                f"Only a term that a strategy has can be given another weight, but {part!r} is not a term of "
                f"{before.name}. Add it by name instead: {strategy}+{added}."
            )
        strategy = f"{strategy}+{added}"
    return strategy


def _unweighted(strategy: Strategy) -> Strategy:
    """A strategy without its name and the weights of its terms, with the terms sorted by name."""
    plain = [replace(term, weight=0) if hasattr(term, "weight") else term for term in strategy.terms]
    return replace(strategy, name="", terms=tuple(sorted(plain, key=lambda term: term.name)))


def names(text: str) -> tuple[str, ...]:
    """The names in a text such as "sats,mib+attention"; "all" means every key of `STRATEGIES`.

    Files get their absolute path, because notebooks run in another folder.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    several = [each for name in asked for each in (STRATEGIES if name == "all" else [name])]
    return tuple(os.path.abspath(name) if FILE.fullmatch(name) else name for name in several)


def strategy_from_file(path: str, name: str = "") -> Strategy:
    """The strategy that a Python file declares at its top level.

    The file is executed, so it must be one that you trust.

    Args:
        name: The variable that holds the strategy; may be empty if the file declares one strategy only.

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
        some = f"{', '.join(declared)}. Name one: {path}:{min(declared)}." if declared else "none. Write one there."
        raise UsageError(f"{path} must declare one strategy at its top level, but it declares {some}")
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
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} does not run ({type(error).__name__}: {error}). Correct the file.") from error
    return vars(module)
