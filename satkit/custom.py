"""Strategies by name, a reader's own Python file included: FILE.py, or FILE.py:NAME where it declares several."""

import importlib.util
import os
import re
import sys

from satkit.choices import UsageError, unknown
from satkit.strategies import STRATEGIES, Strategy, strategy
from satkit.strategies.recipes import combined

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
