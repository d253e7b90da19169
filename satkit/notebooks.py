"""Running a notebook headlessly: find it, check its parameters, execute it, and say truthfully how it went.

papermill does the work. It only warns about unknown parameters and guesses their types; here both are
checked against the notebook's own `parameters` cell. What a lesson computes it writes into its run itself: no
result is read from the metadata of a notebook.
"""

import ast
import io
import json
import math
import re
import time
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from satkit.choices import UsageError, unknown

TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}
TAG = "parameters"
SOLUTIONS = "solutions/"
FORM = "`name: type = default  # help` with one of the types " + ", ".join(TYPES)


class NotebookError(ValueError):
    """A notebook that is missing, unreadable, or whose parameters cell does not keep to the form."""


class NotebookFailed(RuntimeError):
    """A notebook that did not run to its end; what it had done is kept.

    Attributes:
        notebook: Its name.
        cell: Number of the failing cell as the partial notebook shows it, In [number]; None before any.
        source: First line of that cell.
        error: Name of the exception; "KernelDied", "CellTimeout" or "KernelNotStarted" where there was none.
        reason: Its message.
        output: The partial notebook.
    """

    def __init__(self, notebook: str, output: Path, failure):
        self.notebook, self.output = notebook, output
        self.cell, self.source = failure.cell, failure.source
        self.error, self.reason = failure.error, failure.reason
        where = f" in cell In [{self.cell}] ({self.source})" if self.cell else ""
        kept = f" The partial notebook is kept: {output}" if output.exists() else ""
        super().__init__(f"{notebook} failed{where}: {str(failure).rstrip(': .')}.{kept}")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell; `type` is a key of `TYPES`."""

    name: str
    type: str
    default: int | float | str | bool | list | dict
    help: str


@dataclass(frozen=True)
class NotebookResult:
    """A notebook that ran to its end: the executed copy, the seconds it took, the parameters it was given."""

    output: Path
    seconds: float
    parameters: dict


def notebook_folder() -> Path:
    """Where the lessons are: inside an installed wheel, else beside the package in a source tree.

    Raises:
        NotebookError: If there is no such folder.
    """
    package = Path(__file__).resolve().parent
    places = [package / "_notebooks", package.parent / "notebooks"]
    for place in filter(Path.is_dir, places):
        return place
    raise NotebookError(f"The notebooks are in neither {places[0]} nor {places[1]}. Install satkit again.")


def list_notebooks() -> list[Path]:
    """The lessons in order, without the solutions."""
    return sorted(notebook_folder().glob("*.ipynb"))


def list_solutions() -> list[Path]:
    """The worked solutions in order; each has the name of its lesson."""
    return sorted((notebook_folder() / SOLUTIONS).glob("*.ipynb"))


def promise(path: str | Path) -> str:
    """What a lesson promises in one sentence: the bold line of its first cell; "" if it has none."""
    cells = _read(path)["cells"]
    found = re.search(r"^\*\*([^*]+)\*\*$", "".join(cells[0]["source"]) if cells else "", re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def find_notebook(name: str | Path) -> Path:
    """The notebook called `name`.

    Args:
        name: A path to an .ipynb file, or a lesson: its number ("07"), its name with or without .ipynb, or a
            part that only one name has. "solutions/" in front chooses among the solutions.

    Raises:
        UsageError: If no notebook, or more than one, answers to the name.
    """
    text = Path(name).as_posix() if isinstance(name, Path) else name
    if text.endswith(".ipynb") and Path(text).is_file():
        return Path(text).resolve()
    paths, prefix = list_notebooks(), ""
    if text.startswith(SOLUTIONS):
        paths, prefix = list_solutions(), SOLUTIONS
    known = {prefix + path.stem: path for path in paths}
    wanted = text.removesuffix(".ipynb").removeprefix(prefix)
    matches = [path for path in paths if path.stem == wanted]
    if wanted.isdecimal():
        matches = [path for path in paths if path.stem.split("_")[0] == wanted.zfill(2)]
    elif wanted and not matches:
        matches = [path for path in paths if wanted.lower() in path.stem.lower()]
    if not matches and text.endswith(".ipynb") and Path(text).name != text and not prefix:
        raise UsageError(f"There is no file {text}. Give the path of a notebook, or the name of a lesson.")
    if not matches:
        raise unknown("notebook", text, known)
    if len(matches) > 1:
        names = ", ".join(path.stem for path in matches)
        raise UsageError(f"Several notebooks match {text!r}: {names}. Write more of the name.")
    return matches[0]


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


def check_house_rules(path: str | Path) -> None:
    """Check that papermill reads the parameters cell as satkit does, and that each parameter is explained.

    papermill's regular expression does not see every line that Python accepts.

    Raises:
        NotebookError: Naming the first parameter on which they differ.
    """
    import papermill

    from satkit._kernel import quiet, unformatted

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


def parse_assignments(path: str | Path, assignments: Sequence[str]) -> dict:
    """Values for a notebook from texts such as "seed=3", each read as the type that its parameter declares.

    Numbers are plain ("3", "-1", "0.5", "1e-3"), bools are true or false, lists and dicts are JSON.

    Raises:
        UsageError: For a text without "=", an unknown or repeated name, or a value of another type.
    """
    declared = parameters(path)
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"A parameter is given as name=value, got {assignment!r}.")
        if name not in declared:
            raise _unknown_parameter(path, name, declared)
        if name in values:
            raise UsageError(f"Parameter {name!r} is given more than once.")
        values[name] = _parse(name, declared[name].type, text)
    check_parameters(path, values)
    return values


def check_parameters(path: str | Path, values: dict) -> None:
    """Check names and types of values for a notebook; an int will do for a float, a bool never for a number.

    Raises:
        UsageError: For an unknown name, or a value that is not exactly of the declared type.
    """
    declared = parameters(path)
    for name, value in values.items():
        if name not in declared:
            raise _unknown_parameter(path, name, declared)
        kind = declared[name].type
        if type(value) is not TYPES[kind] and not (kind == "float" and type(value) is int):
            raise _wrong_type(name, kind, value)
        if not _is_plain(value):
            raise UsageError(f"Parameter {name!r} must hold only plain values and finite numbers, got {value!r}.")


def run_notebook(
    name: str | Path,
    output: str | Path,
    values: dict,
    *,
    timeout: float | None = None,
    on_poll: Callable[[], None] | None = None,
    env: dict[str, str] | None = None,
) -> NotebookResult:
    """Run a notebook from top to bottom in a kernel of its own, in the caller's working directory.

    Args:
        name: See `find_notebook`.
        output: Path of the executed copy, ending in .ipynb; its folder is made.
        values: Parameters that differ from their defaults.
        timeout: Seconds that one cell may take; None for no limit.
        on_poll: Called about five times a second while the notebook runs.
        env: Environment variables for the kernel only.

    Raises:
        UsageError: For an unknown notebook or parameter, a wrong type, or an impossible output.
        NotebookError: If the notebook or its parameters cell cannot be read.
        NotebookFailed: If it did not run to its end.
        KeyboardInterrupt: After Ctrl-C, when the kernel has ended and the partial notebook is saved.
    """
    from satkit._kernel import Kernel, RunFailed, execute

    path = find_notebook(name)
    check_parameters(path, values)
    if timeout is not None and not timeout > 0:
        raise UsageError(f"The timeout must be a positive number of seconds, got {timeout}.")
    output = _prepare(path, Path(output).expanduser())
    began = time.monotonic()
    try:
        with Kernel(env) as kernel:
            execute(path, output, values, kernel, timeout, on_poll)
    except RunFailed as failure:
        raise NotebookFailed(path.stem, output, failure) from failure
    return NotebookResult(output, time.monotonic() - began, dict(values))


def _prepare(path: Path, output: Path) -> Path:
    """The absolute path of the output, whose folder exists."""
    if output.suffix != ".ipynb":
        raise UsageError(f"The executed notebook must be given a name ending in .ipynb, got {str(output)!r}.")
    output = output.absolute()
    if output.is_dir() or (output.exists() and output.samefile(path)):
        what = "a folder" if output.is_dir() else "the notebook itself"
        raise UsageError(f"The executed notebook needs a path of its own, {output} is {what}.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output.parent} cannot be made: {error}.") from None
    return output


def _tagged_sources(path: str | Path) -> list[str]:
    """Source of every cell tagged `parameters`."""
    return ["".join(cell["source"]) for cell in _read(path)["cells"] if TAG in cell["metadata"].get("tags", [])]


def _read(path: str | Path) -> dict:
    """A notebook as plain JSON, its cells checked: importing nbformat takes over a second."""
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise NotebookError(f"{path} must have notebook format 4, it has {notebook['nbformat']}.")
        for cell in notebook["cells"]:
            "".join(cell["source"]), cell["metadata"].get("tags", [])
        return notebook
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise NotebookError(f"{path} cannot be read as a notebook ({type(error).__name__}: {error}).") from error


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
    if kind == "int" and re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    if kind == "float" and re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return float(text)
    if kind in ("list", "dict"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # said below, in the same words as for the other types
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


def _unknown_parameter(path: str | Path, name: object, declared: dict) -> UsageError:
    if not declared:
        return UsageError(f"{Path(path).stem} has no parameters, so {name!r} cannot be set.")
    return unknown("parameter", name, declared)
