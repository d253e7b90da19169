"""Lists of classes as people and annotation tools write them: the name of each value of a mask.

One class a line: `7 dog`, or only the name, whose value is then the number of the line, counted from 0. Lines that
begin with `#` are comments. These forms are read as well, if all lines have them:

- `dog 7`, the value behind the name;
- `7 128 0 0 dog`, a value, a colour and a name;
- `dog:128,0,0::`, CVAT's form: a name and a colour, values by the number of the line;
- LabelMe's names: `_background_` is background; behind a first `__ignore__`, which stands for -1, values begin at 0;
- `0, background` under the heading of Roboflow's `_classes.csv`.
"""

import re
from pathlib import Path

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN
from satkit.utils.errors import UsageError, shown
from satkit.utils.names import is_control

FILES = ("classes.txt", "class_names.txt", "labelmap.txt", "_classes.csv", "train/_classes.csv")
IGNORED_NAMES = ("ignore", "ignored", "void", "unlabeled", "unlabelled")
DIGITS = 9  # of a value; Python reads no number of thousands of digits
FEWEST_CLASSES, MOST_CLASSES = 2, UNKNOWN - 1

FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<name>[^:]+):\d+,\d+,\d+(:.*)?",  # CVAT
        r"(?P<value>\d+)[\s,:;]+(\d+[\s,:;]+){2,3}(?P<name>\D.*)",  # a colour between value and name
        r"(?P<name>\D.*?)[\s,:;=]+(?P<value>\d+)",  # the value behind the name
        r"(?:(?P<value>\d+)[\s,:;]+)?(?P<name>\S.*)",
    )
)
HEADING = re.compile(r"(pixel )?values?\s*[,;\t]\s*(class|name|label)\w*", re.IGNORECASE)


def find_classes(root: Path) -> Path:
    """The list of classes in a folder; `classes.txt`, which need not exist, if there is none."""
    return next((root / name for name in FILES if (root / name).is_file()), root / FILES[0])


def read_classes(file: Path) -> dict[int, str] | None:
    """Name by value; None if there is no such file.

    Raises:
        UsageError: For a value or name that occurs twice or is not allowed, naming the line.
    """
    if not file.is_file():
        return None
    names: dict[int, str] = {}
    for number, value, name in _lines(file):
        if value in (-1, IGNORE) and is_ignored(name):
            continue
        if any(map(is_control, name)):
            raise UsageError(f"{file}, line {number}: a name must be text in one line, got {shown(name)}.")
        if not 0 <= value < IGNORE:
            raise UsageError(f"{file}, line {number}: a value must be below {IGNORE}, got {value}.")
        same = [other for other in names.values() if other.lower() == name.lower() and not is_ignored(name)]
        if value in names or same:
            beside = f"; {shown(same[0])} stands there already" if same and same != [name] else ""
            raise UsageError(f"{file}, line {number}: value {value} and name {shown(name)} must occur once{beside}.")
        names[value] = name
    return names


def label_classes(names: dict[int, str]) -> tuple[dict[int, int], tuple[str, ...]]:
    """Label of each value, and the class names by label, "background" first.

    Raises:
        UsageError: If fewer than two classes remain, which cannot be divided into steps.
    """
    ignored = {value: IGNORE for value, name in names.items() if is_ignored(name)}
    background = {value: BACKGROUND for value, name in names.items() if is_background(name)}
    classes = [value for value in sorted(names) if value not in ignored and value not in background]
    if not FEWEST_CLASSES <= len(classes) <= MOST_CLASSES:
        found = f"{len(classes)}: {', '.join(names[value] for value in classes) or 'none'}"
        limits = f"{FEWEST_CLASSES} to {MOST_CLASSES}"
        raise UsageError(f"A data set needs {limits} classes beside background, got {found}.")
    labels = {value: label for label, value in enumerate(classes, start=1)}
    return labels | background | ignored, ("background", *(names[value] for value in classes))


def is_background(name: str) -> bool:
    """Whether a name stands for background."""
    return _plain(name) == "background"


def is_ignored(name: str) -> bool:
    """Whether pixels of this name are to be ignored."""
    return _plain(name) in IGNORED_NAMES


def sounds_like_none(name: str) -> bool:
    """Whether a class has a word in its name that says it is none, and yet counts as a class."""
    words = set(re.split(r"[\W_]+", name.lower()))
    return not (is_background(name) or is_ignored(name)) and bool(words & {"background", "bg", *IGNORED_NAMES})


def _plain(name: str) -> str:
    return name.strip("_ ").lower()


def _lines(file: Path) -> list[tuple[int, int, str]]:
    """Number of the line, counted from 1, value and name of every class."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} must be text in UTF-8, got something else ({error}). Save it as UTF-8; an editor that offers "
            "UTF-16 or Unicode offers that too."
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if not line.startswith("#")]
    if lines and HEADING.fullmatch(lines[0][1]):
        lines = lines[1:]
    filled = [line for _, line in lines if line]
    form = next((form for form in FORMS[:-1] if filled and _all_have(form, filled)), FORMS[-1])
    found, implied = [], -1 if filled and filled[0] == "__ignore__" else 0
    for place, (number, line) in enumerate(lines, start=implied):
        if line:
            parts = form.fullmatch(line).groupdict()
            value = parts.get("value")
            if value and len(value) > DIGITS:
                raise UsageError(f"{file}, line {number}: a value must be below {IGNORE}, got {shown(value)}.")
            found.append((number, place if value is None else int(value), parts["name"].strip()))
    return found


def _all_have(form: re.Pattern, lines: list[str]) -> bool:
    """Whether a form fits all lines, with a name and a value of its own in each."""
    matches = [form.fullmatch(line) for line in lines]
    if not all(matches):
        return False
    parts = [match.groupdict() for match in matches]
    values = [each.get("value", place) for place, each in enumerate(parts)]
    return len({each["name"] for each in parts}) == len(set(values)) == len(lines)
