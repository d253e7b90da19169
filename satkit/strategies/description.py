"""Parts of a strategy as plain values for config.json, and as text for people."""

import inspect
import linecache
from dataclasses import MISSING, fields, is_dataclass


def plain(part):
    """A part as plain values; for a part that is not satkit's own, its source code too, since it decides the result."""
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, tuple | list):
        return [plain(each) for each in part]
    settings = {each.name: plain(getattr(part, each.name)) for each in fields(part)} if is_dataclass(part) else {}
    kind = part if inspect.isroutine(part) else type(part)
    own = {} if (kind.__module__ or "").startswith("satkit.") else {"source": _source(kind)}
    return {"kind": kind.__name__, **settings, **own}


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # a class in a notebook has no file; its methods know the cell
        code = getattr(kind.__call__, "__code__", None)
        cell = "".join(linecache.getlines(code.co_filename)) if code else ""
        return cell or f"not kept: {kind.__module__}.{kind.__qualname__}"


def short(part) -> str:
    """A part as Python code, with the settings that are not the default."""
    if not is_dataclass(part):
        return getattr(part, "__name__", type(part).__name__)
    changed = [f"{f.name}={getattr(part, f.name)!r}" for f in fields(part) if getattr(part, f.name) != _default(f)]
    return f"{type(part).__name__}({', '.join(changed)})"


def _default(setting):
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def called(part) -> str:
    """A part in the name of a combined strategy: its own name and the settings that are not the default."""
    changed = [f"{getattr(part, each.name)}" for each in fields(part) if getattr(part, each.name) != _default(each)]
    return " ".join([part.name, *changed])
