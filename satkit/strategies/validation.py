"""What no strategy may say: parts that contradict each other, each in one sentence."""


def contradicts(strategy) -> str:
    """Which parts of a strategy contradict each other, as a sentence; "" if none do."""
    head, targets = strategy.head, strategy.targets
    needed = getattr(strategy.classifier, "reserves", "nothing")
    kind = type(strategy.classifier).__name__
    if needed != "nothing" and needed != head.reserves:
        return f"{kind} needs a head that reserves {needed!r}, this one reserves {head.reserves!r}."
    if head.deep and not getattr(strategy.classifier, "deep_heads", True):
        return f"{kind} copies rows of background, which deep heads do not have; choose UnknownInit."
    if head.readout == "unknown" and head.reserves != "unknown":
        return "the readout 'unknown' needs a head that reserves 'unknown'."
    if getattr(targets, "makes_unknown", False):
        blind = [t.name for t in (*strategy.terms, *strategy.base_terms) if _classifies_without(t, "reads_unknown")]
        if head.reserves != "unknown" or blind:
            lacking = f"{blind[0]!r} cannot learn it" if blind else f"its head reserves {head.reserves!r}"
            kind = type(targets).__name__
            return f"{kind} marks unknown objects, but {lacking}. Use BinaryCrossEntropy and Head('unknown')."
    idle = [term.name for term in strategy.terms if getattr(term, "trains_backbone", False)]
    if idle and getattr(strategy.freezing, "backbone", False):
        return f"{idle[0]!r} acts on the backbone, which is frozen, so it would do nothing; leave one of them out."
    parts = {"memory": strategy.memory, "importance": strategy.importance, "fusion": strategy.fusion}
    later = [name for name, part in {**parts, "freezing": strategy.freezing}.items() if part is not None]
    later += ["a teacher"] if strategy.needs_teacher else []
    if strategy.joint and later:
        return f"joint training has one step only, so there is nothing for {later[0]} to do."
    return ""


def contradicts_domains(strategy) -> str:
    """What of a strategy makes no sense where no class is new in any later step, as a sentence; "" if nothing."""
    blind = [term.name for term in strategy.terms if getattr(term, "needs_new_classes", False)]
    if blind:
        return f"{blind[0]!r}, as it is set here, learns nothing from pixels of old classes, and no class is new."
    if strategy.head.reserves != "nothing":
        return f"its head reserves {strategy.head.reserves!r} for classes to come, and none come."
    if strategy.fusion and strategy.fusion.share is None:
        return "weight fusion counts the student by its share of new classes, which is 0; give it a share of its own."
    return ""


def _classifies_without(term, ability: str) -> bool:
    return getattr(term, "classifies", False) and not getattr(term, ability, False)
