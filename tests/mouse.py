"""Clicks and keys, as the front end would tell an explorer of them."""


def click(explorer, ax, x, y):
    """Click at a place in the data of some axes."""
    x, y = ax.transData.transform((x, y))
    width, height = explorer.figure.canvas.get_width_height()
    explorer.picture._receive(None, {"kind": "click", "x": x / width, "y": 1 - y / height}, [])


def press(explorer, key, shift=False):
    """Press a key in the picture."""
    explorer.picture._receive(None, {"kind": "key", "key": key, "shift": shift}, [])
