"""A grid of parameters: what `--grid` and a grid file say, expanded to the parameters of every run.

Every name has a list of values, and there is a run for each way to choose one of each. Values are read and checked as
those of a single notebook are; what a run means, and which two mean the same, is not decided here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path

import yaml

from satkit.notebooks.parameters import Parameter, check_value, declared_one, parse
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, shown
from satkit.utils.files import naming

RANGE = re.compile(r"([+-]?[0-9]{1,9})-([+-]?[0-9]{1,9})")
MOST = 10_000  # runs of a grid
IN_A_FILE = "Give its values in a file, --grid-file FILE, as a list of values."
FORM = "a grid file maps names to lists of values, as in `seed: [0, 1]`; several such maps in a list are several grids"

Declared = Mapping[str, Parameter]
Axes = dict[str, list]


def expand(declared: Declared, what: str, fixed: dict, options: Sequence[str] = (), file: str = "") -> list[dict]:
    """The parameters of every run, in order; the last name changes first.

    Args:
        declared: The parameters that there are.
        what: Whose they are, for messages.
        fixed: Parameters that are the same in every run.
        options: Texts such as "seed=0-4" and "strategy=sats,mib".
        file: A grid file, see `read_file`; empty for none.

    Raises:
        UsageError: For an unknown or repeated name, an empty value, one of another type, or too many runs.
    """
    given = read_options(declared, what, options)
    found = []
    for axes in read_file(declared, what, file) if file else [{}]:
        for name in [name for name in axes if name in given] + [name for name in {**axes, **given} if name in fixed]:
            raise _given_twice(name)
        axes = {**{name: [value] for name, value in fixed.items()}, **axes, **given}
        if len(found) + prod(map(len, axes.values())) > MOST:
            raise UsageError(f"A grid can have at most {MOST} runs, but this one has more. Divide it.")
        found += [dict(zip(axes, values)) for values in product(*axes.values())]
    return found


def read_options(declared: Declared, what: str, options: Sequence[str]) -> Axes:
    """Values by name from texts such as "seed=0-4".

    Raises:
        UsageError: As `expand`.
    """
    found: Axes = {}
    for option in options:
        name, equals, text = (part.strip() for part in option.partition("="))
        if not equals:
            raise UsageError(f"--grid takes name=values, as in seed=0-4 or strategy=sats,mib, got {option!r}.")
        parameter = declared_one(declared, name, what)
        if name in found:
            raise _given_twice(name)
        if parameter.type in ("list", "dict"):
            raise UsageError(f"A value of {name!r} holds commas itself, so --grid cannot divide them. {IN_A_FILE}")
        found[name] = list(_between_commas(parameter, text, option))
    return found


def read_file(declared: Declared, what: str, file: str) -> list[Axes]:
    """The grids of a YAML (or JSON) file: values by name, for each grid.

    Raises:
        UsageError: If there is no such file, it holds something else, or as `expand`.
    """
    path = expanded(file)
    try:
        with naming(path):
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no grid file {path}. Give the path of a YAML file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"The grid file {path} is no YAML ({reason}). Correct it: {FORM}.") from None
    grids = content if isinstance(content, list) else [content]
    if not grids or not all(isinstance(grid, dict) and grid for grid in grids):
        raise UsageError(f"The grid file {path} holds {shown(content)}, but {FORM}.")
    return [
        {str(name): _listed(declared_one(declared, str(name), what), values, path) for name, values in grid.items()}
        for grid in grids
    ]


def _between_commas(parameter: Parameter, text: str, option: str) -> Iterator[object]:
    for number, part in enumerate(text.split(","), 1):
        if not part.strip():
            which = f"value {number}" if "," in text else "the value"
            raise UsageError(f"--grid {option}: {which} is empty. Give a value, or leave the comma or the name out.")
        yield from _one_or_range(parameter, part.strip())


def _one_or_range(parameter: Parameter, text: str) -> list:
    """The value of a text, or all of a range of whole numbers, both ends included."""
    ends = RANGE.fullmatch(text) if parameter.type == "int" else None
    if ends is None:
        return [_canonical(parameter, parse(parameter, text))]
    first, last = map(int, ends.groups())
    if not first <= last < first + MOST:
        raise UsageError(
            f"A range of {parameter.name!r} must go upwards and have at most {MOST} numbers, got {text!r}. "
            "Give it as first-last, as in 0-4."
        )
    return list(range(first, last + 1))


def _listed(parameter: Parameter, values: object, path: Path) -> list:
    """The values of a name in a grid file: those of a list, or the only one."""
    alone = not isinstance(values, list) or (parameter.type == "list" and not any(isinstance(v, list) for v in values))
    several = [values] if alone and values != [] else values
    if not several or None in several:
        raise UsageError(f"{path}: {parameter.name!r} has an empty value. Give at least one value, or leave it out.")
    return [each for value in several for each in _of_file(parameter, value)]


def _of_file(parameter: Parameter, value: object) -> list:
    if isinstance(value, str) and parameter.type != "str":  # "0-4", and 1e-3, which YAML takes for a text
        return _one_or_range(parameter, value)
    check_value(parameter, value)
    return [_canonical(parameter, value)]


def _canonical(parameter: Parameter, value: object) -> object:
    return float(value) if parameter.type == "float" else value


def _given_twice(name: str) -> UsageError:
    return UsageError(f"Parameter {name!r} is given more than once. Give all of its values in one place.")
