"""Published class orders: complete, and divided into steps as their source divides them."""

import pytest

from satkit.data.orders import ORDERS, published_order
from satkit.scenario import scenario
from satkit.utils.errors import UsageError

CLASSES = {"voc": 20, "scenes": 20, "ade20k": 150}
NAMES = [str(label) for label in range(151)]


@pytest.mark.parametrize(("data", "name"), [(data, name) for data in ORDERS for name in ORDERS[data]])
def test_an_order_holds_every_class_once(data, name):
    assert sorted(published_order(data, name)) == list(range(1, CLASSES[data] + 1))


def test_all_orders_of_a_data_set_differ():
    for orders in ORDERS.values():
        assert len(set(orders.values())) == len(orders)


def test_the_single_class_task_of_mib_ends_with_the_bottle():
    steps = scenario(NAMES[:21], "19-1", order=published_order("voc", "19-1b"))
    assert steps.names[-1] == "5"


def test_steps_of_ade20k_hold_the_classes_of_the_released_lists():
    plan = scenario(NAMES, "100-10", order=published_order("ade20k", "b"))
    labels = [{int(plan.names[index]) for index in step.new} for step in plan.steps]
    assert labels[1] == {11, 16, 50, 64, 66, 73, 89, 92, 145, 146}
    assert labels[5] == {17, 20, 59, 68, 83, 94, 102, 122, 127, 137}
    # 100-50b is the same base; 50-50b ends with the same fifty classes.
    last = scenario(NAMES, "50-50", order=published_order("ade20k", "50b")).steps[2]
    assert set(published_order("ade20k", "50b")[100:]) == set.union(*labels[1:])
    assert len(last.new) == 50


def test_unknown_orders_and_data_sets_without_any_are_refused():
    with pytest.raises(UsageError, match="Unknown class order 'z'"):
        published_order("voc", "z")
    with pytest.raises(UsageError, match="camvid has no published class orders, got 'b'"):
        published_order("camvid", "b")
