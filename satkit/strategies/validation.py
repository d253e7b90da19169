"""Checks for incompatible parts of a strategy; each problem is one sentence."""

from satkit.strategies.contracts import having


def incompatible_parts(strategy) -> str:
    """Which parts of a strategy cannot be used together; "" if there are none."""
    head, classifier, targets = strategy.head, strategy.classifier, strategy.targets
    if classifier.reserves not in ("nothing", head.reserves):
        kind = type(classifier).__name__
        return f"{kind} needs a head that reserves {classifier.reserves!r}, this one reserves {head.reserves!r}."
    if head.deep and not classifier.deep_heads:
        kind = type(classifier).__name__
        return f"{kind} copies rows of background, which deep heads do not have; choose UnknownInit."
    if head.readout == "unknown" and head.reserves != "unknown":
        return "the readout 'unknown' needs a head that reserves 'unknown'."
    if targets.makes_unknown and (lacking := _lacks_unknown(strategy)):
        kind = type(targets).__name__
        return f"{kind} marks unknown objects, but {lacking}."
    idle = having("trains_backbone", strategy.terms)
    if idle and strategy.freezing and strategy.freezing.backbone:
        return f"{idle[0]!r} acts on the backbone, which is frozen, so it would do nothing; leave one of them out."
    parts = {name: getattr(strategy, name) for name in ("memory", "importance", "fusion", "freezing")}
    later = [name for name, part in parts.items() if part is not None]
    later += ["a teacher"] if strategy.needs_teacher else []
    if strategy.joint and later:
        return f"joint training has one step only, so there is nothing for {later[0]} to do."
    return ""


def _lacks_unknown(strategy) -> str:
    """Why a strategy cannot learn the unknown class, and what to use instead; "" if it can."""
    for terms in (strategy.terms, strategy.base_terms):
        able = having("reads_unknown", terms)
        unable = [name for name in having("classifies", terms) if name not in able]
        if unable:
            return f"{unable[0]!r} cannot learn it. Use BinaryCrossEntropy"
    reserves = strategy.head.reserves
    return "" if reserves == "unknown" else f"its head reserves {reserves!r}. Use Head('unknown')"


def incompatible_with_new_labels(strategy) -> str:
    """Which part of a strategy needs old classes, where annotators show new ones only; "" if none does."""
    needing = having("needs_old_targets", strategy.terms)
    if needing and not strategy.targets.needs_teacher and strategy.memory is None:
        return (
            f"{needing[0]!r}, as it is set here, reads old classes from the targets, and annotators show new ones "
            "only. Take regions='teacher', or add pseudo-labels."
        )
    return ""


def incompatible_with_domains(strategy) -> str:
    """Which part of a strategy needs new classes in later steps, where only domains are new; "" if none does."""
    needing = having("needs_new_classes", strategy.terms)
    if needing:
        return f"{needing[0]!r}, as it is set here, learns nothing from pixels of old classes, and no class is new."
    if strategy.head.reserves != "nothing":
        return f"its head reserves {strategy.head.reserves!r} for later classes, and there are none."
    if strategy.fusion and strategy.fusion.share is None:
        return "weight fusion counts the student by its share of new classes, which is 0; give it a share of its own."
    return ""
