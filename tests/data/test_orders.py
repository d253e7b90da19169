"""Published class orders: complete, and divided into steps as their source divides them."""

import pytest

from satkit.data.orders import ORDERS, class_order
from satkit.scenario import scenario
from satkit.utils.errors import UsageError

CLASSES = {"voc": 20, "scenes": 20, "ade20k": 150}
NAMES = [str(label) for label in range(151)]


@pytest.mark.parametrize(("data", "name"), [(data, name) for data in ORDERS for name in ORDERS[data]])
def test_an_order_holds_every_class_once(data, name):
    assert sorted(ORDERS[data][name]) == list(range(1, CLASSES[data] + 1))


def test_all_orders_of_a_data_set_differ():
    for orders in ORDERS.values():
        assert len(set(orders.values())) == len(orders)


def test_the_single_class_task_of_mib_ends_with_the_bottle():
    steps = scenario(NAMES[:21], "19-1", order=ORDERS["voc"]["19-1b"])
    assert steps.names[-1] == "5"


def test_steps_of_ade20k_hold_the_classes_of_the_released_lists():
    plan = scenario(NAMES, "100-10", order=ORDERS["ade20k"]["b"])
    labels = [{int(plan.names[index]) for index in step.new} for step in plan.steps]
    assert labels[1] == {11, 16, 50, 64, 66, 73, 89, 92, 145, 146}
    assert labels[5] == {17, 20, 59, 68, 83, 94, 102, 122, 127, 137}
    # 100-50b is the same base; 50-50b ends with the same fifty classes.
    last = scenario(NAMES, "50-50", order=ORDERS["ade20k"]["50b"]).steps[2]
    assert set(ORDERS["ade20k"]["50b"][100:]) == set.union(*labels[1:])
    assert len(last.new) == 50


def test_an_order_is_asked_for_by_labels_by_names_of_classes_or_by_its_own_name():
    names = ("background", *"xyz", *(str(label) for label in range(4, 21)), "b")
    assert class_order("voc", names, (3, 1, 2)) == (3, 1, 2)
    assert class_order("voc", names, ("z", "y")) == (3, 2, 1, *range(4, 22))
    assert class_order("voc", names, ("b",)) == ORDERS["voc"]["b"]
    assert class_order("camvid", names, ("b",)) == (21, *range(1, 21)), "it has no published orders"
    assert class_order("voc", names, ()) == ()


def test_a_single_unknown_name_is_answered_with_classes_and_published_orders():
    with pytest.raises(
        UsageError, match="Unknown class or class order 'dgo'. Did you mean 'dog'. .*: cat, dog, b, c, d"
    ):
        class_order("voc", ("background", "cat", "dog"), ("dgo",))
    with pytest.raises(UsageError, match="Unknown class 'dgo'. Did you mean 'dog'. Choose one of: cat, dog.$"):
        class_order("camvid", ("background", "cat", "dog"), ("dgo",))
