"""What a user chooses: the settings of a study, each defined here and nowhere else.

A field of `Settings` carries its type, default, help and allowed values. The options of the command line, the
parameters of the notebooks, the name of a study and the command that makes it again are derived from it.
"""

import hashlib
import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path

from satkit.evaluation.conventions import PROTOCOLS
from satkit.scenario import SETTINGS
from satkit.utils.disk_places import resolved
from satkit.utils.errors import UsageError, shown
from satkit.utils.names import slug

DATA_SETS = ("scenes", "pretext", "voc", "ade20k", "cityscapes", "camvid", "folder")
AUTOCASTS = ("bfloat16",)
PRESETS = ("smoke", "quick", "full", "published", "reference")
DRAWN = ("scenes", "pretext")  # which need no folder
STRATEGIES = ("fine-tuning", "pseudo+distillation", "sats")  # of the default study, and of the models in the kit
WHOLE = "[+-]?[0-9]{1,18}"
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
LONGEST_FOLDER = 24  # characters of a folder's name in the name of a study
STUDY = "name or folder of a study; empty: the kit's models, or a study named by its settings"


def option(default, help: str, choices: Iterable[str] = (), **more):
    """A field of `Settings`; its type is that of the default.

    Args:
        default: What holds if nothing is chosen.
        help: What the setting means, in one line.
        choices: The allowed values, if there is a list of them.
        **more: `low` and `high`, the range of a number; `tag`, what a value is called in the name of a study;
            `always`, True for what every name and every command shows, also at its default; `flag`, its option where
            that is not made of its name; `place`, True for a folder, which may lie elsewhere the next time.
    """
    return field(default=default, metadata={"help": help, "choices": tuple(choices), **more})


def digest(order: tuple[int, ...]) -> str:
    """A short name of a class order, the same for equal orders only."""
    return hashlib.sha256(repr(order).encode()).hexdigest()[:8]


def base_called(base: str) -> str:
    """A base step in the name of a study: the last part of its place, and of a study's own base the study."""
    *above, last = Path(base).parts or ("",)
    called = above[-1] if last == "base" and above else last
    return f"from-{slug(called)[:LONGEST_FOLDER]}".strip("-")


@dataclass(frozen=True)
class Settings:
    """Data, scenario, preset and seed of a study. An empty text takes the preset's choice."""

    data: str = option("scenes", "the data set", DATA_SETS, always=True, tag=str)
    root: str = option("", "folder of a data set on disk; empty for data that is drawn", place=True)
    task: str = option(
        "", "A-B, such as 15-5 or 15-1: A base classes, then B a step; empty: the preset's", always=True, tag=str
    )
    setting: str = option("overlapped", "which images a step has and what is annotated in them", SETTINGS, tag=str)
    order: tuple[int, ...] = option(
        (),
        "classes to learn first, as in dog,cat (the others follow); or all labels, or a published order; "
        "empty: the data set's own",
        tag=lambda order: f"order-{digest(order)}",
    )
    backbone: str = option("", "a timm name; empty: the preset's", tag=slug)
    preset: str = option("quick", "how large, how long and how fast", PRESETS, always=True, tag=str)
    seed: int = option(0, "a whole number that decides everything random", always=True, tag="seed{}".format)
    shift: float = option(
        0.0, "0 to 1: how much the light changes in the images of later steps", low=0, high=1, tag="shift{:g}".format
    )
    habitat: float = option(
        0.75,
        "0 to 1, for scenes: how likely a further object of an image is of the class of the first; 0 mixes all classes",
        low=0,
        high=1,
        tag="habitat{:g}".format,
    )
    from_scratch: bool = option(
        False, "start from random weights instead of a pretrained backbone", tag=lambda _: "from-scratch"
    )
    base_model: str = option(
        "",
        "a finished base step from which every strategy but joint starts: the folder of an exported model or of a run, "
        "STUDY/base, or a model of the kit; empty: the study trains its own",
        flag="--base",
        place=True,
        tag=base_called,
    )
    autocast: str = option(
        "",
        "bfloat16 for the networks' forward passes in training; losses, weights and scores stay in float32, as "
        "everything does without it",
        tag=str,
    )
    gradient_checkpointing: bool = option(
        False,
        "compute the backbone's activations again in the backward pass instead of keeping them: less memory, more "
        "time, the same result",
        tag=lambda _: "gradient-checkpointing",
    )
    protocol: str = option(
        "",
        "conventions of the scores, single ones changed as in mib,evaluation=windows (or full, centre); empty: the "
        "preset's",
        PROTOCOLS,
        tag=slug,
    )

    def __post_init__(self):
        if isinstance(self.order, list):
            object.__setattr__(self, "order", tuple(self.order))
        for each in fields(self):
            check(each, getattr(self, each.name))

    def name(self, task: str) -> str:
        """The name of a study with these settings.

        Args:
            task: The task that is learnt, which the settings may leave to the preset.
        """
        values = {**vars(self), "data": self._data_called(), "task": task}
        return "-".join(each.metadata["tag"](values[each.name]) for each in self._shown() if "tag" in each.metadata)

    def command(self, strategies: Iterable[str]) -> str:
        """The command line that makes a study with these settings."""
        words = ["satkit", "study"]
        for each in self._shown():
            value = getattr(self, each.name)
            text = ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
            words += [flag(each.name), *([] if value is True else [text])] if text and each.name != "root" else []
        words += ["--root", "FOLDER"] if self.data not in DRAWN else []  # which differs from place to place
        return shlex.join([*words, "--strategies", ",".join(strategies)])

    def plain(self) -> dict:
        """The settings as JSON has them."""
        return {**vars(self), "order": list(self.order)}

    def _data_called(self) -> str:
        """The data set; for data of somebody's own with the name of its folder, since each folder holds other data."""
        folder = slug(resolved(self.root).name) if self.data == "folder" and self.root else ""
        return "-".join(filter(None, [self.data, folder[:LONGEST_FOLDER].strip("-")]))

    def _shown(self) -> list[Field]:
        """The settings that a name and a command show: some always, and then those that are not at their default."""
        always = [each for each in fields(self) if each.metadata.get("always")]
        chosen = [each for each in fields(self) if getattr(self, each.name) != each.default and each not in always]
        return always + chosen


FIELDS: dict[str, Field] = {each.name: each for each in fields(Settings)}
PLACES = tuple(name for name, each in FIELDS.items() if each.metadata.get("place"))


def flag(name: str) -> str:
    """The option of a setting on the command line."""
    return FIELDS[name].metadata.get("flag", f"--{name.replace('_', '-')}")


def described(name: str) -> str:
    """What a setting means, with the allowed values: the help of its option and the comment of its parameter."""
    about = FIELDS[name].metadata
    *first, last = about["choices"] or ("",)
    return f"{about['help']}: {', '.join(first)} or {last}" if first else about["help"]


def check(each: Field, value: object) -> None:
    """Raise unless a value has the type and lies in the range of its setting; names are checked where they are used."""
    kind, about = type(each.default), each.metadata
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or isinstance(value, bool) != (kind is bool):
        raise _refused(each.name, f"be {_called(kind)}", value, each.default)
    if kind is tuple and not all(isinstance(label, int) for label in value):
        raise _refused(each.name, "hold labels, which are whole numbers", list(value), each.default)
    low, high = about.get("low", -math.inf), about.get("high", math.inf)
    if kind in (int, float) and not low <= value <= high:
        allowed = f"between {low} and {high}" if high < math.inf else f"{low} or more"
        raise _refused(each.name, f"be {allowed}", value, each.default)


def read(name: str, text: str, label: str = ""):
    """The value of a setting from a text, as a user types it; a class order may hold names, see `with_labels`.

    Args:
        name: Of the setting.
        text: What was typed.
        label: How the setting was named, e.g. "--seed".

    Raises:
        UsageError: If the text is no such value.
    """
    kind, label = type(FIELDS[name].default), label or name
    if kind is tuple:
        return _order(text, label)
    pattern = {int: WHOLE, float: NUMBER, str: "(?s).*", bool: "(?i)true|false"}[kind]
    if not re.fullmatch(pattern, text.strip()):
        raise _refused(label, f"be {_called(kind)}", text, FIELDS[name].default)
    if kind is bool:
        return text.strip().lower() == "true"
    return text if kind is str else kind(text)


def chosen(values: Mapping[str, object], explicit: bool = False) -> dict:
    """The settings among a notebook's parameters that were chosen; a class order may hold names, see `with_labels`.

    Args:
        values: Parameters, and whatever else has a name.
        explicit: Whether each value was asked for; otherwise a value at its default counts as not chosen.

    Raises:
        UsageError: For a value of another type.
    """
    found = {}
    for name, each in FIELDS.items():
        value = values.get(name, each.default)
        if name == "order":
            value = _order(value, name)
        if value != each.default or (explicit and name in values):
            if name != "order":
                check(each, value)
            found[name] = value
    return found


def _order(value: object, label: str) -> tuple[int, ...] | tuple[str, ...]:
    """Labels, or names of classes or of a published order, from a text or a list."""
    found = _words(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or {type(each) for each in found} not in (set(), {int}, {str}):
        must = 'hold labels or names of classes, as in 3,1,2 or dog,cat or ["dog", "cat"]'
        raise _refused(label, must, list(value) if isinstance(value, tuple) else value, ())
    return tuple(found)


def _words(text: str) -> object:
    """The words between the commas, as numbers if all are; or what a text in square brackets says in JSON."""
    if text.strip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return None
    words = [part.strip() for part in text.split(",") if part.strip()]
    if any(word.isdecimal() and len(word) > 9 for word in words):  # no label, and maybe more digits than Python reads
        return None
    return [int(word) for word in words] if all(map(str.isdecimal, words)) else words


def _refused(name: str, must: str, value: object, default: object) -> UsageError:
    instead = "" if default in ("", ()) else f" for {default}"
    return UsageError(f"{name} must {must}, got {shown(value)}. Choose another value, or leave it out{instead}.")


def _called(kind: type) -> str:
    names = {int: "a whole number", float: "a number", str: "text", tuple: "a list of labels", bool: "true or false"}
    return names[kind]
