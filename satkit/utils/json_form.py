"""What a JSON file must hold, said once and compared when it is read, so that whatever else it holds is one sentence.

A form is a type, or several in a tuple; a list with one form, which all parts have; a dict of forms by key, where a
file may hold further keys; or `{str: form}` for any keys.
"""

from pathlib import Path
from types import NoneType

from satkit.utils.errors import UsageError, shown

NUMBER = (int, float)
SCORE = (int, float, NoneType)
NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}
NAMES |= {list: "a list", dict: "an object"}


def must_hold(path: Path, value: object, form: object, place: str = "") -> None:
    """Compare a value with its form.

    Args:
        path: The file that it is from.
        place: Where in the file it stands, "" for all of it.

    Raises:
        UsageError: Naming the file, the place, what must be there and what is.
    """
    where = f"{place} in {path}" if place else f"{path}"
    kinds = _kinds(form)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        allowed = " or ".join(NAMES[kind] for kind in kinds if not (kind is int and float in kinds))
        raise UsageError(f"{where} must be {allowed}, got {shown(value)}. Restore the file, or make it again.")
    if isinstance(form, list):
        for number, part in enumerate(value):
            must_hold(path, part, form[0], f"{place}[{number}]")
    elif isinstance(form, dict):
        any_keys = str in form
        missing = [] if any_keys else [key for key in form if key not in value]
        if missing:
            raise UsageError(f"{where} must have {missing[0]!r}, which is missing. Restore the file, or make it again.")
        for key in value if any_keys else form:
            must_hold(path, value[key], form[str if any_keys else key], f"{place}.{shown(key)[1:-1]}".lstrip("."))


def _kinds(form: object) -> tuple[type, ...]:
    """The types that a value of this form may have."""
    if isinstance(form, (list, dict)):
        return (type(form),)
    return form if isinstance(form, tuple) else (form,)
