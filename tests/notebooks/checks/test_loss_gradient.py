"""Checks of lesson 05b hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "05b",
        {
            "cut": [
                ("tap.queries.detach().requires_grad_()", "tap.queries.clone()", "queries of cut.* still joined"),
                ("tap.keys.detach().requires_grad_()", "tap.keys.detach()", "keys of cut.* get no gradient"),
                ("keys=tap.keys.detach().requires_grad_(),", "", "keys of cut.* are still those of the tap itself"),
                ("tap.keys.detach()", "tap.queries.detach()", "keys of cut\\(stage 1\\) has the shape"),
                ("return ", "found = ", "another kind|is None"),
            ],
            "gradient_lengths": [
                ("grad(distance**2, r)", "grad(distance, r)", "is off in entry 2"),
                ("return distance.item(), of_distance.item()", "return of_distance.item(), distance.item()", "entry 0"),
                ("(r - near).norm()", "(r - near).square().sum()", "is off in entry 0"),
                ("of_square.item()", "2 * (r - near)", "entry 2: it must be a number, it is a tensor"),
                ("r = r.clone().requires_grad_()", "", "stops with RuntimeError"),
            ],
            "after": [
                ("copy.deepcopy(student)", "student", "has changed the student itself; it must change a copy"),
                ("parameter -= size", "parameter += size", "after\\(0.001\\) is .* times what it should be|too large"),
                ("size * (slope", "(slope", "after\\(0.001\\) is .*"),
                ("student=moved(", "student=student(", "after\\(0.001\\) is .*"),
            ],
            "with_noise": [
                ("torch.where(there,", "torch.where(~there,", "Queries of stage 1 have changed that were to stay"),
                ("torch.randn_like(tap.queries)", "0 * tap.queries", "are all the same, which is no noise"),
                ("replace(tap, queries=queries)", "replace(tap, keys=tap.keys + 1)", "keys of stage 1 is too large"),
                ("append(replace(tap, queries=queries))", "append(tap)", "have stayed that were to be noise"),
                ("student=replace(", "teacher=replace(", "have stayed that were to be noise"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/05b",
        {
            "mean_of_means": [
                ("torch.stack(stages).mean()", "torch.stack(stages).sum()", "is 4 times what it should be"),
                ("/ present.sum(dim=1).clamp(min=1)", "", "as_mean of the distance l2 is"),
                (".mean(dim=-1)", ".sum(dim=-1)", "as_mean of the distance l2 is"),
            ],
        },
    )
