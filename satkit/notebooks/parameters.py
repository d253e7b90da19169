"""The parameters cell of a notebook: read from its source, checked by name and type.

papermill only warns about unknown parameters and guesses their types. Here both are checked before a kernel starts.
"""

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from satkit.experiments.settings import FIELDS, WHOLE, described, read
from satkit.notebooks.finding import NotebookError, read_notebook
from satkit.utils.errors import UsageError, choose

TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}

TAG = "parameters"

FORM = "`name: type = default  # help` with one of the types " + ", ".join(TYPES)


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell; `type` is a key of `TYPES`."""

    name: str
    type: str
    default: int | float | str | bool | list | dict
    help: str


def parameters(path: str | Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name, as its cell tagged `parameters` declares them.

    A notebook without such a cell has none.

    Raises:
        NotebookError: If the notebook cannot be read, or a line is not `name: type = default  # help`.
    """
    sources = _tagged_sources(path)
    if len(sources) > 1:
        raise NotebookError(f"{path} must have one cell tagged {TAG!r}, it has {len(sources)}.")
    source = "".join(sources)
    try:
        statements, comments = ast.parse(source).body, _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookError(f"The parameters cell of {path} is not valid Python: {error}.") from None
    found: dict[str, Parameter] = {}
    for number, statement in enumerate(statements):
        line = statement.lineno
        parameter = _parameter(statement, comments.get(line, ""))
        crowded = number > 0 and statements[number - 1].end_lineno == line
        if parameter is None or crowded or parameter.name in found:
            raise NotebookError(
                f"Every line of the parameters cell of {path} must declare one new parameter as {FORM}, "
                f"with a literal of that type as default; line {line} is: {source.splitlines()[line - 1]}"
            )
        found[parameter.name] = parameter
    return found


def further_settings(path: str | Path) -> dict[str, Parameter]:
    """The settings that a lesson takes although its parameters cell does not show them: all others of a study."""
    declared = parameters(path)
    names = [name for name in FIELDS if name not in declared] if "study" in declared else []
    return {name: setting_parameter(name) for name in names}


def setting_parameter(name: str) -> Parameter:
    """A setting as a line of a parameters cell declares it."""
    default = FIELDS[name].default
    default = list(default) if isinstance(default, tuple) else default
    return Parameter(name, type(default).__name__, default, described(name))


def check_house_rules(path: str | Path) -> None:
    """Check that papermill reads the parameters cell as satkit does, and that each parameter is explained.

    papermill's regular expression does not see every line that Python accepts.

    Raises:
        NotebookError: Naming the first parameter on which they differ.
    """
    import papermill

    from satkit.notebooks.execution import quiet, unformatted

    quiet()
    ours = parameters(path)
    try:
        theirs = papermill.inspect_notebook(unformatted(Path(path)))
    except ValueError as error:
        raise NotebookError(f"{path} must name python3 as its kernel; papermill says: {error}") from error
    for name in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(name), theirs.get(name)
        if mine and other:
            read = Parameter(name, other["inferred_type_name"], _literal(other["default"]), other["help"])
            if read == mine and mine.help:
                continue
        raise NotebookError(
            f"Parameter {name!r} of {path} must be written as {FORM}, with a help text and without # in the "
            f"default; satkit reads {mine}, papermill reads {other}."
        )


def accepted(path: str | Path) -> dict[str, Parameter]:
    """Everything that a notebook can be given, by name: its parameters, and the further settings of a lesson."""
    return {**parameters(path), **further_settings(path)}


def parse_assignments(path: str | Path, assignments: Sequence[str]) -> dict:
    """Values for a notebook from texts such as "seed=3", see `read_assignments`."""
    return read_assignments(accepted(path), assignments, Path(path).stem)


def read_assignments(declared: dict[str, Parameter], assignments: Sequence[str], what: str) -> dict:
    """Values from texts such as "seed=3", each read as the type that its parameter declares.

    Numbers are plain ("3", "-1", "0.5", "1e-3"), bools are true or false, lists and dicts are JSON.

    Args:
        declared: The parameters that there are.
        what: Whose parameters they are, for messages.

    Raises:
        UsageError: For a text without "=", an unknown or repeated name, or a value of another type.
    """
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"A parameter is given as name=value, got {assignment!r}.")
        parameter = declared_one(declared, name, what)
        if name in values:
            raise UsageError(f"Parameter {name!r} is given more than once.")
        values[name] = parse(parameter, text)
    return values


def declared_one(declared: dict[str, Parameter], name: str, what: str) -> Parameter:
    """The parameter of a name.

    Raises:
        UsageError: If there is none, with the nearest match.
    """
    if not declared:
        raise UsageError(f"{what} has no parameters, so {name!r} cannot be set.")
    return choose("parameter", name, declared)


def check_parameters(path: str | Path, values: dict) -> None:
    """Check names and types of values for a notebook.

    Raises:
        UsageError: For an unknown name, or as `check_value`.
    """
    declared = accepted(path)
    for name, value in values.items():
        check_value(declared_one(declared, name, Path(path).stem), value)


def check_value(parameter: Parameter, value: object) -> None:
    """Check the type of a value; an int will do for a float, a bool never for a number.

    Raises:
        UsageError: For a value that is not exactly of the declared type, or holds what is no plain value.
    """
    name, kind = parameter.name, parameter.type
    if type(value) is not TYPES[kind] and not (kind == "float" and type(value) is int):
        raise _wrong_type(name, kind, value)
    if not _is_plain(value):
        raise UsageError(f"Parameter {name!r} must hold only plain values and finite numbers, got {value!r}.")


def parse(parameter: Parameter, text: str):
    """The value that a text stands for; of a class order also names between commas.

    Raises:
        UsageError: If it is none of the declared type.
    """
    value = list(read("order", text)) if parameter.name == "order" else _parse(parameter.name, parameter.type, text)
    check_value(parameter, value)
    return value


def _tagged_sources(path: str | Path) -> list[str]:
    """Source of every cell tagged `parameters`."""
    return ["".join(cell["source"]) for cell in read_notebook(path)["cells"] if TAG in cell["metadata"].get("tags", [])]


def _parameter(statement: ast.stmt, comment: str) -> Parameter | None:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return None
    annotation, value = statement.annotation, statement.value
    kind = annotation.id if isinstance(annotation, ast.Name) else ""
    if kind not in TYPES or value is None or statement.lineno != statement.end_lineno:
        return None
    default = _literal(value)
    if type(default) is not TYPES[kind] or not _is_plain(default):
        return None
    return Parameter(statement.target.id, kind, default, comment)


def _literal(expression: ast.expr | str):
    """Its value; None if it is not a literal, which no type of parameter allows."""
    try:
        return ast.literal_eval(expression)
    except (SyntaxError, ValueError, TypeError):
        return None


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.strip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _parse(name: str, kind: str, text: str):
    if kind == "str":
        return text
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "int" and re.fullmatch(WHOLE, text):
        return int(text)
    if kind == "float" and re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return float(text)
    if kind in ("list", "dict"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # raised below, as for the other types
    raise _wrong_type(name, kind, text)


def _is_plain(value) -> bool:
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    return value is None or type(value) in (int, str, bool) or (type(value) is float and math.isfinite(value))


def _wrong_type(name: str, kind: str, value) -> UsageError:
    examples = {"bool": " (true or false)", "list": ' (JSON, as ["a", 1])', "dict": ' (JSON, as {"a": 1})'}
    wanted = kind + examples.get(kind, "")
    return UsageError(f"Parameter {name!r} must be of type {wanted}, got {value!r} ({type(value).__name__}).")
