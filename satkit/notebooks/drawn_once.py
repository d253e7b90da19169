"""A figure that was saved is shown as the picture that was saved.

At the end of a cell a notebook draws every open figure. One that has just been drawn for a file would be drawn twice,
and drawing is what most lessons that only look spend their time on.
"""

import base64
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

INLINE = "inline"  # in the name of the backend that draws figures below a cell


def show_instead(figure: Figure, picture: bytes, alt: str) -> bool:
    """Show a picture of a figure that a notebook would draw at the end of its cell, and close the figure.

    Elsewhere, or if the notebook would not draw this figure, nothing happens; returns whether it was shown.

    Args:
        figure: The figure; it stays usable, but pyplot forgets it.
        picture: What it looks like, as PNG.
        alt: The picture's alt text.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    open_here = getattr(figure, "number", None) in plt.get_fignums()
    if shell is None or INLINE not in mpl.get_backend() or not open_here:
        return False
    from IPython.display import display

    shown = {"image/png": base64.b64encode(picture).decode(), "text/plain": repr(figure)}
    display(shown, raw=True, metadata={"image/png": {"alt": alt}})
    plt.close(figure)
    return True
