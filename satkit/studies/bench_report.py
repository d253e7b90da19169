"""What `satkit bench` measured, as a table, as a page beside a picture, and as plain values for JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from satkit.plots import measured_ratios, use_style
from satkit.plots.measured_ratios import MeasuredRatio
from satkit.studies.bench import Measurement
from satkit.utils.files import replacing, write_json
from satkit.utils.provenance import machine
from satkit.utils.tables import RIGHT, Column, Table

PICTURE = "Ratios of times by what is compared and by model, each with its interval and with what it should be at most."

PURPOSE = (
    "For whoever wants to know how much longer a training step takes with distillation and with attention transfer. "
    "Each ratio is that of two times which were measured in turn on one machine; another machine has other ratios. A "
    "target is what was aimed at, before anything was measured. `satkit bench --out FILE.json` writes this page on "
    "your machine."
)


def described(measurements: Iterable[Measurement], device: str) -> dict:
    """Measurements and the machine that they are from, as plain values."""
    lines = [{**asdict(each), "met": each.met} for each in measurements]
    return {"machine": machine(torch.device(device)), "measurements": lines}


def table(about: dict) -> Table:
    """What `described` gives, as a table."""
    heads = [Column(head, RIGHT) for head in ("value", "95 %", "target")]
    columns = [Column("what"), Column("model"), *heads, Column("met")]
    rows = [_row(each) for each in about["measurements"]]
    facts = about["machine"]
    note = (
        f"`satkit bench`, satkit {facts['satkit']}, torch {facts['torch']}, {facts['device']}, {facts['threads']} "
        f"threads of {facts['cores']} cores. Ratios of times: median of pairs that were timed in turn in one run, with "
        "the 95 % interval of the median. Models have random weights, images are drawn scenes."
    )
    return Table(columns, rows, note)


def write(about: dict, path: Path) -> list[Path]:
    """Write what `described` gives as JSON, and beside it the table as Markdown and the ratios as a picture.

    Args:
        path: Of the JSON file.

    Returns:
        What was written.
    """
    page, picture = path.with_suffix(".md"), path.with_suffix(".png")
    write_json(path, about)
    parts = ["# What a step costs", PURPOSE, table(about).markdown()]
    if figure := drawn(about):
        with replacing(picture) as temporary:
            figure.savefig(temporary, format="png", dpi=150, bbox_inches="tight")
        plt.close(figure)
        parts.insert(2, f"![{PICTURE}]({picture.name})")
    with replacing(page) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return [path, page, *([picture] if figure else [])]


def drawn(about: dict) -> Figure | None:
    """The ratios that should be small; None if there are none."""
    use_style()
    lines = [
        each for each in about["measurements"] if each["low"] is not None and not each["at_least"] and each["size"]
    ]
    groups: dict[str, dict[str, MeasuredRatio]] = {}
    for each in lines:
        numbers = (each[name] for name in ("value", "low", "high", "target"))
        groups.setdefault(each["size"], {})[each["what"]] = MeasuredRatio(*numbers)
    rows = list(dict.fromkeys(each["what"] for each in lines))
    return measured_ratios(rows, groups).figure if lines else None


def _row(each: dict) -> list[str | None]:
    interval = None if each["low"] is None else f"{each['low']:.2f} to {each['high']:.2f}"
    sign = "≥" if each["at_least"] else "≤"
    target = None if each["target"] is None else f"{sign} {_number(each['target'], each['unit'])}"
    met = {True: "yes", False: "no", None: None}[each["met"]]
    return [each["what"], each["size"] or None, _number(each["value"], each["unit"]), interval, target, met]


def _number(value: float, unit: str) -> str:
    text = f"{value:.0f}" if value == int(value) else f"{value:.2f}"
    return f"{text} {unit}".strip()
