"""Configurations as plain values: a hash of what decides a result, and the settings in which two of them differ."""

import hashlib
import json

RECORDED_ONLY = ("machine",)  # parts of config.json that do not decide the result


def config_hash(config: dict) -> str:
    """A hash of everything in a configuration that decides a result."""
    decides = {key: value for key, value in config.items() if key not in RECORDED_ONLY}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


def differences(there: dict, asked: dict, prefix: str = "") -> list[tuple[str, object, object]]:
    """Settings in which two configurations differ: (name, there, asked for)."""
    asked = json.loads(json.dumps(asked))
    found = []
    for key in sorted({*there, *asked}):
        if not prefix and key in RECORDED_ONLY:
            continue
        old, new = _keyed(there.get(key), asked.get(key))
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append((f"{prefix}{key}", old, new))
    return found


def _keyed(old, new) -> tuple:
    """Lists of equally many parts become dicts by place, so that a difference names the part."""
    lists = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    if lists and old and all(isinstance(part, dict) for part in (*old, *new)):
        return tuple({str(place): part for place, part in enumerate(parts)} for parts in (old, new))
    return old, new
