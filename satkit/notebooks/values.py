"""The values of a notebook's parameters, checked before a kernel starts: names of strategies, presets and studies."""

from pathlib import Path

from satkit.experiments.plan import Plan
from satkit.experiments.settings import chosen
from satkit.experiments.study_folder import open_study
from satkit.notebooks.parameters import parameters
from satkit.strategies.lookup import find_strategy, weighted

STRATEGY = ("strategy", "rival", "base_of")  # parameters that name one; empty for none


def check_values(path: str | Path, values: dict) -> None:
    """Check the values that a notebook is given; their types are right already, see `parameters.check_parameters`.

    Raises:
        UsageError: For a value that is not allowed, or that contradicts the study.
    """
    declared = parameters(path)
    if "study" in declared:
        study = values.get("study", declared["study"].default)
        Plan(open_study(study, chosen(values, explicit=True)).settings)
    for name in STRATEGY:
        if name in declared and values.get(name):
            find_strategy(values[name])
    for name in values.get("strategies", ()) if "strategies" in declared else ():
        find_strategy(name)
    if values.get("weights"):
        weighted(values.get("strategy", declared["strategy"].default), values["weights"])
