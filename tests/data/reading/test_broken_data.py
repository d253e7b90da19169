"""A thousand damaged data sets are all refused before training; two hundred undamaged ones have no problems.

Each of twenty kinds of damage is done to one file of fifty small random data sets, of all layouts there are on disk.
What is said of it must name that file and accuse no other, and nothing may come but a `DataError`, or a `DataWarning`
where the data can be used all the same.
"""

import os
import warnings

import numpy as np
import pytest
from damage import KINDS
from random_data import Tree, draw

from satkit.data import load_data
from satkit.data.reading.problems import DataError, DataWarning

SEEDS = range(50)
CLEAN_SEEDS = range(200)


def what_is_said(tree: Tree) -> tuple[set[type], list[str]]:
    """What loading a data set raises or warns with, and a line for each problem; an error hides warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            load_data(tree.name, tree.root)
        except DataError as error:
            return {DataError}, str(error).splitlines()[1:]
        except Exception as error:  # whatever else comes is what the tests look for
            return {type(error)}, [str(error)]
    lines = [line for warning in caught for line in str(warning.message).splitlines()[1:]]
    return {warning.category for warning in caught}, lines


def test_there_are_a_thousand_broken_data_sets():
    assert len(KINDS) * len(SEEDS) == 1000


@pytest.mark.parametrize("name", KINDS)
def test_every_broken_data_set_is_noticed_and_its_file_is_named(name, tmp_path):
    kind, failures = KINDS[name], []
    for seed in SEEDS:
        rng = np.random.default_rng([list(KINDS).index(name), seed])
        tree = draw(tmp_path / str(seed), rng, kind.layouts)
        damaged = kind.damage(tree, tree.train[rng.integers(len(tree.train))], rng)
        came, lines = what_is_said(tree)
        expected = {DataWarning if kind.warning else DataError}
        if came != expected or len(lines) != 1 or damaged not in lines[0]:
            failures.append(f"seed {seed}, {tree.name}: {damaged!r} should be named in one line, got {came} {lines}")
    assert not failures, "\n".join(failures)


def test_data_sets_without_damage_have_no_problems(tmp_path):
    failures = []
    for seed in CLEAN_SEEDS:
        tree = draw(tmp_path / str(seed), np.random.default_rng([len(KINDS), seed]))
        came, lines = what_is_said(tree)
        if came or lines:
            failures.append(f"seed {seed}, {tree.name}: {came} {lines}")
    assert not failures, "\n".join(failures)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_files_that_may_not_be_read_are_named(tmp_path):
    tree = draw(tmp_path / "tree", np.random.default_rng(0))
    tree.train[0].mask.chmod(0)
    came, lines = what_is_said(tree)
    assert came == {DataError}
    assert len(lines) == 1
    assert tree.train[0].mask.name in lines[0]
