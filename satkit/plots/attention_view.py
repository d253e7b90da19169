"""The attention figure of explorers: its layout is computed once, then only maps, marks and scales change.

`teacher_and_student` draws the same panels as a static figure. A new layout takes too long for every click, so here the
panels have fixed positions, and `show` replaces their contents.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from satkit.plots import style
from satkit.plots.attention import check_pair, check_row, draw_attention, draw_difference, draw_image, patch_centre
from satkit.plots.predictions import check_image
from satkit.plots.relations import draw_region

DIFFERENCE = "difference"
TITLES = {DIFFERENCE: "student \N{MINUS SIGN} teacher"}
LONGER = 2.5  # inches of a panel's longer side
GAP, MARGIN, TITLE, BAR, BAR_SPACE = 0.1, 0.34, 0.32, 0.1, 0.78  # inches
PLAIN = (-1, 2)  # powers of ten of the largest value for which a bar uses no factor


class AttentionView:
    """The image and the attention of one model, or of a teacher and its student; one row for each query or region.

    Args:
        image: uint8 of shape (height, width, 3).
        panels: The panels beside the image, e.g. ("teacher", "student", DIFFERENCE).
        rows: Number of queries or regions, one above the other.

    Attributes:
        figure: The matplotlib figure.
        axes: Per row, the axes from left to right, the image first.
    """

    def __init__(self, image: np.ndarray, panels: Sequence[str], *, rows: int = 1):
        check_image(image)
        if not panels:
            raise ValueError("There must be at least one panel beside the image, got none.")
        self.image, self.panels = image, tuple(panels)
        maps = [panel for panel in self.panels if panel != DIFFERENCE]
        barred = {maps[-1] if maps else "", DIFFERENCE} & set(self.panels)  # the maps of a row share one bar
        most = (style.WIDEST - MARGIN - len(barred) * BAR_SPACE) / (1 + len(self.panels)) - GAP
        scale = min(LONGER / max(image.shape[:2]), most / image.shape[1])
        height, width = scale * image.shape[0], scale * image.shape[1]
        across = MARGIN + (1 + len(self.panels)) * (width + GAP) + len(barred) * BAR_SPACE
        self.figure = Figure(figsize=(across, TITLE + rows * (height + GAP)), dpi=100)
        FigureCanvasAgg(self.figure)
        self.axes: list[list[Axes]] = []
        self.bars: list[dict[str, Axes]] = []
        for row in range(rows):
            bottom, left = (rows - 1 - row) * (height + GAP) + GAP, MARGIN + width + GAP
            self.axes.append([self._add_axes(MARGIN, bottom, width, height)])
            self.bars.append({})
            for panel in self.panels:
                self.axes[row].append(self._add_axes(left, bottom, width, height))
                left += width + GAP
                if panel in barred:
                    self.bars[row][panel] = self._add_axes(left - 0.02, bottom + 0.06 * height, BAR, 0.88 * height)
                    left += BAR_SPACE

    def show(
        self,
        maps: Mapping[str, np.ndarray],
        *,
        row: int = 0,
        query: tuple[int, int] | None = None,
        grid: tuple[int, int] | None = None,
        region: np.ndarray | None = None,
        colour="black",
        name: str = "",
    ) -> None:
        """Show a query, with its grid, or a region, with a mask of the image.

        Args:
            maps: By name, weights >= 0 of shape (key_height, key_width). All share one scale, shown or not; the
                difference is computed from "student" and "teacher".
            row: Which row of the figure changes.
            query: Row and column of the query in `grid`, which has a height and a width.
            region: bool of shape (height, width); its border is drawn in `colour`.
            name: Label of the row.

        Raises:
            ValueError: If a panel has no map, or as `draw_attention`.
        """
        maps = {each: check_row(values) for each, values in maps.items()}
        limit = style.from_zero(*maps.values()).vmax
        if DIFFERENCE in self.panels:
            teacher, student = check_pair(maps.get("teacher", ()), maps.get("student", ()))
            maps[DIFFERENCE] = student - teacher
        missing = [panel for panel in self.panels if panel not in maps]
        if missing:
            raise ValueError(f"Every panel must have a map, but there is none for {', '.join(missing)}.")
        if query is not None:
            patch_centre(query, grid, self.image.shape[:2])  # raises for a query outside its grid
        image, *others = self.axes[row]
        self._draw_image(image, region, colour)
        image.set_ylabel(name, fontsize=style.SMALL)
        for ax, panel in zip(others, self.panels, strict=True):
            self._draw_map(ax, panel, maps[panel], limit)
            if panel in self.bars[row]:
                label = TITLES[panel] if panel == DIFFERENCE else "attention weight"
                draw_bar(ax.images[-1], self.bars[row][panel], label)
        for ax in (image, *others):
            self._mark(ax, query, grid)
        if row == 0:
            for ax, title in zip(
                (image, *others), ["image" if region is None else "region", *self.panels], strict=True
            ):
                ax.set_title(TITLES.get(title, title))

    def arrays(self, row: int = 0) -> dict[str, np.ndarray]:
        """The maps shown in a row, by the names of their panels."""
        shown = zip(self.panels, self.axes[row][1:], strict=True)
        return {panel: np.array(ax.images[-1].get_array()) for panel, ax in shown}

    def _add_axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        across, up = self.figure.get_size_inches()
        return self.figure.add_axes((left / across, bottom / up, width / across, height / up))

    def _draw_image(self, ax: Axes, region, colour) -> None:
        if region is not None:
            ax.clear()
            draw_region(self.image, region, colour=colour, ax=ax)
        elif not ax.images or ax.collections:  # nothing so far, or a region
            ax.clear()
            draw_image(self.image, ax=ax)

    def _draw_map(self, ax: Axes, panel: str, values: np.ndarray, limit: float) -> None:
        """Show values in the map of an axes; the first time, the map is drawn."""
        least = style.LEAST_CHANGE * limit
        ends = style.centred(values, least=least) if panel == DIFFERENCE else style.from_zero(vmax=limit)
        if ax.images:
            ax.images[-1].set_data(values)
            ax.images[-1].set_clim(ends.vmin, ends.vmax)
        elif panel == DIFFERENCE:
            draw_difference(values, image=self.image, least=least, ax=ax)
        else:
            draw_attention(values, image=self.image, vmax=limit, ax=ax)

    def _mark(self, ax: Axes, query, grid) -> None:
        """Move the cross of the query, or remove it without a query."""
        marks = [line for line in ax.lines if line.get_label() == "query"]
        if query is None:
            for mark in marks:
                mark.remove()
            return
        x, y = patch_centre(query, grid, self.image.shape[:2])
        if marks:
            marks[0].set_data([x], [y])
        else:
            style.cross(ax, x, y)


def draw_bar(picture: AxesImage, bar: Axes, label: str) -> None:
    """A colour bar in its own axes; called again, it shows a new scale, faster than matplotlib's colour bar."""
    low, high = picture.get_clim()
    if not bar.images:
        colours = {"cmap": picture.get_cmap(), "alpha": picture.get_alpha()}
        shades = np.linspace(0, 1, 256)[:, None]
        bar.imshow(shades, aspect="auto", origin="lower", extent=(0, 1, 0, 1), **colours)
        bar.grid(False)
        bar.yaxis.tick_right()
        bar.yaxis.set_label_position("right")
        bar.tick_params(labelsize=style.SMALL)
        bar.set(xticks=[], ylabel=label)
        bar.text(-0.5, 1.03, "", fontsize=style.SMALL, transform=bar.transAxes)
    ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    power = int(np.floor(np.log10(high)))
    power = 0 if PLAIN[0] <= power <= PLAIN[1] else power
    names = [f"{tick / 10.0**power:.6g}".replace("-", "\N{MINUS SIGN}") for tick in ticks]
    bar.set_yticks([(tick - low) / (high - low) for tick in ticks], names)
    bar.texts[0].set_text(f"\N{MULTIPLICATION SIGN}1e{power}".replace("-", "\N{MINUS SIGN}") if power else "")
