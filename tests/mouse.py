"""Clicks and keys, as the front end would tell a picture of them, and what a reader sees of an explorer's figure."""

from matplotlib.axes import Axes

NARROW = 50  # pixels; colour bars are narrower, panels are not


def send(picture, event):
    """Tell a picture of an event, as its front end does."""
    picture._receive(picture, event, [])


def click_at(explorer, x, y):
    """Click at a place of the picture, in [0, 1] from the left and from the top."""
    send(explorer.picture, {"kind": "click", "x": x, "y": y})


def click(explorer, ax, x, y):
    """Click at a place in the data of some axes."""
    x, y = ax.transData.transform((x, y))
    width, height = explorer.figure.canvas.get_width_height()
    click_at(explorer, x / width, 1 - y / height)


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


def press(explorer, key, shift=False):
    """Press a key in the picture."""
    send(explorer.picture, {"kind": "key", "key": key, "shift": shift})


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
