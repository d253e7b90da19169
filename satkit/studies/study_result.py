"""The result.json of a study, read for tables and reports: it holds what they say, or is refused in one sentence."""

from pathlib import Path

from satkit.experiments.study_folder import STUDY_AGAIN
from satkit.studies.score_table import COLUMNS
from satkit.utils.errors import UsageError
from satkit.utils.json_form import NUMBER, SCORE, must_hold
from satkit.utils.sealed_json import read_sealed

SETTINGS = {"data": str, "task": str, "setting": str, "preset": str, "seed": int, "strategies": [str]}
MACHINE = {name: str for name in ("satkit", "torch", "python", "device", "system")} | {"threads": int, "cores": int}
CONVENTIONS = {"background_in_old": bool} | {
    name: str
    for name in ("void_in_training", "future_classes_at_test", "evaluation", "test_images", "evaluated_checkpoint")
}
RUN = {name: SCORE for name in COLUMNS} | {
    "base": NUMBER,
    "steps": list,
    "setting": str,
    "backbone": str,
    "preset": str,
    "seed": int,
    "conventions": CONVENTIONS,
    "machine": MACHINE,
}
FORM = {
    "settings": SETTINGS,
    "classes": [str],
    "base_classes": [int],
    "added_classes": [int],
    "strategies": {str: RUN},
    "seconds": NUMBER,
}
PER_CLASS = {str: {"iou": [SCORE]}}


def read_result(path: Path) -> dict:
    """What a study's result.json holds.

    Raises:
        UsageError: If it holds something else.
    """
    result = read_sealed(path, STUDY_AGAIN)
    must_hold(path, result, FORM)
    base, classes = result["base_classes"], result["classes"]
    reason = "" if result["strategies"] else "it names no strategy"
    reason = reason or ("" if base else "it names no class of the base step")
    if not all(0 <= index < len(classes) for index in (*base, *result["added_classes"])):
        reason = f"a class index is not below the number of classes, {len(classes)}"
    for name, scores in result["strategies"].items():
        if "per_class" in scores:
            must_hold(path, scores["per_class"], PER_CLASS, f"per_class of {name}")
            if not all(scores["per_class"].get(classes[index], {}).get("iou") for index in base if not reason):
                reason = f"{name} has no scores of a class of the base step"
    if reason:
        raise UsageError(f"{path} must be the result of a study, but {reason}. Run satkit study again.")
    return result
