"""What the files of a small finished study hold, as far as tables and the report read them."""

CONVENTIONS = {
    "background_in_old": True,
    "void_in_training": "ignored",
    "future_classes_at_test": "background",
    "evaluation": "whole images at full size",
    "evaluated_checkpoint": "last",
    "test_images": "those with a class seen so far",
}
MACHINE = {
    "satkit": "0.1.0",
    "python": "3.11.7",
    "torch": "2.13.0",
    "system": "Linux x86_64",
    "device": "CPU",
    "cores": 4,
    "threads": 2,
}


def scores(**values):
    """What a run's result.json holds, as far as a report reads it."""
    return {
        "setting": "overlapped",
        "preset": "quick",
        "backbone": "mit_quick",
        "seed": 0,
        "conventions": CONVENTIONS,
        "machine": MACHINE,
        "steps": [{}, {}],
        "base": 0.6123,
        **values,
    }


RESULT = {
    "settings": {
        "data": "scenes",
        "root": "",
        "task": "3-1",
        "setting": "overlapped",
        "order": [1, 2, 3, 4],
        "backbone": "",
        "preset": "quick",
        "seed": 0,
        "strategies": ["fine-tuning", "sats"],
    },
    "classes": ["background", "disc", "ring <i>&", "square", "cross"],
    "base_classes": [1, 2, 3],
    "added_classes": [4],
    "seconds": 100.0,
    "strategies": {
        "S & <b>ATS</b>": scores(old=0.5432, new=0.3219, all=0.5001, forgetting=0.0312, kept=0.8765, average=0.5555),
        "fine-tuning": scores(old=0.0512, new=0.4444, all=0.1234, forgetting=0.6, kept=0.0123, average=0.3333),
    },
}
WORDS = {"title": "Old <and> new", "see": "Blue falls & orange rises.", "alt": 'Old 61.2 to 5.1 "percent".'}
