"""Checks of lesson 13: a loss term, and the strategy that it makes."""

from types import SimpleNamespace

import torch

from satkit.notebooks.checks.checking import Names, called, must, same, wants
from satkit.strategies import FINE_TUNING, LossInputs

OLD, NEW = 3, 5  # outputs of a made-up teacher and of its student


def _made_up() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a teacher and of a student, (batch, class, height, width)."""
    generator = torch.Generator().manual_seed(0)
    return tuple(3 * torch.randn((2, outputs, 6, 6), generator=generator) for outputs in (OLD, NEW))


@wants(KeepTheLead="a frozen dataclass with weight and margin; called with LossInputs, it gives L_lead, a tensor")
def keep_the_lead(at: Names) -> None:
    """Pixel by pixel, on made-up logits."""
    taught, learnt = _made_up()
    outputs = SimpleNamespace(logits=learnt), SimpleNamespace(logits=taught)
    term = called("KeepTheLead", at.KeepTheLead, 2.0, 1.5)
    for name, value in (("weight", 2.0), ("margin", 1.5)):
        must(
            getattr(term, name, None) == value,
            f"KeepTheLead must have the setting {name}, in the order weight, margin.",
        )
    found = called("KeepTheLead", term, LossInputs(None, None, None, *outputs))
    pixels = zip(taught.permute(0, 2, 3, 1).reshape(-1, OLD), learnt.permute(0, 2, 3, 1).reshape(-1, NEW))
    missing = [_missing(p.softmax(dim=0).tolist(), q.tolist(), margin=1.5) for p, q in pixels]
    same("KeepTheLead", found, torch.tensor(2.0 * sum(missing) / len(missing)))


def _missing(p: list[float], q: list[float], margin: float) -> float:
    c = max(range(1, OLD), key=lambda each: p[each])
    lead = q[c] - max(value for other, value in enumerate(q) if other != c)
    return max(0.0, margin - lead) if p[c] > 0.5 else 0.0


@wants(MINE="fine-tuning and the new term with the weight of the parameters cell, a strategy")
def strategy(at: Names) -> None:
    """Its terms, one by one."""
    terms = getattr(at.MINE, "terms", ())
    must(terms[: len(FINE_TUNING.terms)] == FINE_TUNING.terms, "MINE must begin with the terms of FINE_TUNING.")
    added = terms[len(FINE_TUNING.terms) :]
    must([term.name for term in added] == ["lead"], "MINE must have one term more than FINE_TUNING, the new one.")
    same("the weight of the new term", float(added[0].weight), float(at.weight))


@wants(
    KeepTheClassifier="a frozen dataclass with weight; called with LossInputs, the mean square by which the old "
    "weights have moved, times its weight"
)
def keep_the_classifier(at: Names) -> None:
    """Exercise 3: row by row, on made-up weights."""
    old, new = (torch.randn((rows, 4), generator=torch.Generator().manual_seed(rows)) for rows in (OLD, NEW))
    outputs = SimpleNamespace(weight=new), SimpleNamespace(weight=old)
    term = called("KeepTheClassifier", at.KeepTheClassifier, 2.0)
    found = called("KeepTheClassifier", term, LossInputs(None, None, None, *outputs))
    moved = [sum((one - other) ** 2 for one, other in zip(new[c].tolist(), old[c].tolist())) for c in range(OLD)]
    same("KeepTheClassifier", found, torch.tensor(2.0 * sum(moved) / OLD))
