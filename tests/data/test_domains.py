"""Cityscapes by city: the numbers of images that are published, the leak in them, and the split that has none."""

import numpy as np
import pytest

from satkit.data import domains
from satkit.data.datasets.cityscapes import CITIES, CLASS_NAMES
from satkit.scenario import scenario

# Images of each city: official training, then official validation (Cordts et al., CVPR 2016).
TRAIN = {
    **{"aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221, "erfurt": 109},
    **{"hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94, "strasbourg": 365},
    **{"stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122},
}
VAL = {"frankfurt": 267, "lindau": 59, "munster": 174}
POOL = [city for city, count in (TRAIN | VAL).items() for _ in range(count)]

# Training images of each step, and how many of the test images after the last step were trained on: calculated by
# running the division of PLOP's released code on the numbers of images above.
PUBLISHED = {
    "11-5": ((1504, 702, 573), 496),
    "11-1": ((1504, 176, 198, 95, 75, 156, 76, 97, 213, 47, 139), 501),
    "1-1": (None, 541),
}


def plan(task, setting):
    return scenario(CLASS_NAMES, task, setting, domains=CITIES)


def test_the_pool_is_the_one_that_is_published():
    assert (sum(TRAIN.values()), sum(VAL.values()), len(POOL)) == (2975, 500, 3475)
    assert set(TRAIN | VAL) == set(CITIES)


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_published_split_has_its_sizes_and_its_leak(task):
    built = plan(task, "domain-leaking")
    sizes, leaked = PUBLISHED[task]
    found = [domains.learnt_from(POOL, built, step) for step in built.steps]
    if sizes:
        assert tuple(map(len, found)) == sizes
    last = domains.tested_on(POOL, built, built.steps[-1])
    assert len(last) == 695
    assert len(np.intersect1d(last, np.concatenate(found))) == leaked


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_setting_domain_never_tests_on_training_images(task):
    built = plan(task, "domain")
    learnt = np.concatenate([domains.learnt_from(POOL, built, step) for step in built.steps])
    last = domains.tested_on(POOL, built, built.steps[-1])
    assert len(np.intersect1d(last, learnt)) == 0
    assert sorted([*last, *learnt]) == list(range(len(POOL)))


def test_the_clean_split_of_a_city_is_the_same_in_every_task():
    one_by_one, at_once = plan("1-1", "domain"), plan("11-5", "domain")
    first = np.concatenate([domains.learnt_from(POOL, one_by_one, step) for step in one_by_one.steps[:11]])
    np.testing.assert_array_equal(np.sort(first), domains.learnt_from(POOL, at_once, at_once.steps[0]))


def test_a_step_learns_from_its_own_cities_and_is_tested_on_all_so_far():
    built = plan("11-5", "domain")
    places = np.array(POOL)
    assert set(places[domains.learnt_from(POOL, built, built.steps[1])]) == set(CITIES[11:16])
    assert set(places[domains.tested_on(POOL, built, built.steps[1])]) == set(CITIES[:16])
