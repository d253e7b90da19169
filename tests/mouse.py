"""The hand, as the front end would tell a canvas of it, and what a reader sees of an explorer's figure."""

from matplotlib.axes import Axes

NARROW = 50  # pixels; colour bars are narrower, panels are not


def send(picture, event):
    """Tell a picture of an event, as its front end does."""
    picture._receive(picture, event, [])


def rest(explorer, pixel, pinned=None):
    """Move the hand to a pixel of the attention canvas and let it rest there."""
    send(explorer.picture, {"kind": "query", "pixel": list(pixel), "pinned": pinned, "number": 1})


def point(explorer, region, pinned=None):
    """Move the hand to a region of the relation canvas and let it rest there."""
    send(explorer.picture, {"kind": "query", "region": region, "pinned": pinned, "number": 1})


def turn_page(explorer, step):
    """Press a page key in a canvas: 1 for the next stage, -1 for the one before."""
    send(explorer.picture, {"kind": "stage", "step": step, "number": 1})


def step_to(explorer, step, label):
    """Move the hand to a step and a class of the forgetting canvas and let it rest there."""
    send(explorer.picture, {"kind": "query", "step": step, "label": label, "number": 1})


def pin(explorer, cell):
    """Click a cell of the confusion: class and what it is called; None lets go."""
    send(explorer.picture, {"kind": "cell", "cell": cell, "number": 1})


def turn_image(explorer, step):
    """Ask for the next image, 1, or the one before, -1."""
    send(explorer.picture, {"kind": "image", "step": step, "number": 1})


def panels(explorer, line=0) -> list[Axes]:
    """What stands side by side in a row of the figure, without colour bars."""
    wide = [ax for ax in explorer.figure.axes if ax.get_visible() and ax.bbox.width > NARROW]
    heights = sorted({round(ax.bbox.y0) for ax in wide}, reverse=True)
    if line >= len(heights):
        return []
    return sorted((ax for ax in wide if round(ax.bbox.y0) == heights[line]), key=lambda ax: ax.bbox.x0)


def titled(explorer, words) -> Axes:
    """The axes whose title holds these words."""
    (found,) = (ax for ax in explorer.figure.axes if ax.get_visible() and words in ax.get_title())
    return found
