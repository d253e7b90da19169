"""Parts of a strategy as plain values for config.json, and as words for people."""

import inspect
import linecache
from dataclasses import MISSING, fields, is_dataclass


def plain(part):
    """A part as plain values; one that is not satkit's own brings its source along, which decides the result too."""
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
    except (OSError, TypeError):  # a class of a notebook has no file; its cell is known through its methods
        code = getattr(kind.__call__, "__code__", None)
        cell = "".join(linecache.getlines(code.co_filename)) if code else ""
        return cell or f"not kept: {kind.__module__}.{kind.__qualname__}"


def short(part) -> str:
    """A part as one would write it: only what is not the default."""
    if not is_dataclass(part):
        return getattr(part, "__name__", type(part).__name__)
    changed = [f"{f.name}={getattr(part, f.name)!r}" for f in fields(part) if getattr(part, f.name) != _default(f)]
    return f"{type(part).__name__}({', '.join(changed)})"


def _default(setting):
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def called(part) -> str:
    """What a part is called in the name of a combined strategy: its own name, and what was set otherwise."""
    name = getattr(part, "name", type(part).__name__)
    changed = [f"{getattr(part, each.name)}" for each in fields(part) if getattr(part, each.name) != _default(each)]
    return " ".join([name, *changed])
