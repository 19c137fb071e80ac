"""Where boxes, labels and arrows of a drawing go: in layers, nothing on top of anything else.

The method of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man and Cybernetics 11 (1981). Labels are nodes of layers
of their own, so that they get room as boxes do.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Layout", "laid_out"]

# Inches.
MARGIN = 0.2
BETWEEN = 0.25
GAP = 0.2
# Gap between layers for each inch that an arrow moves sideways in it: arrows stay steep.
SLOPE = 0.12
SWEEPS = 24
# How hard an item holds on to its neighbours: what inputs lead to yields to the rest, and arrows
# through several layers are straight.
LOOSE, FIRM, STRAIGHT = 1.0, 4.0, 16.0

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass
class Layout:
    """Places in inches, the origin at the lower left.

    Attributes
    ----------
    size : (float, float)
        Width and height of it all.
    boxes, labels : list of (float, float)
        Centres.
    routes : list of lists of (float, float)
        Points of the arrows from tail to head: between each second point and the next, an arrow
        runs straight through a layer, between the others it may move sideways.
    """

    size: Size
    boxes: list[Point]
    labels: list[Point]
    routes: list[list[Point]]


@dataclass(eq=False)
class _Item:
    """A box, a label, or a place where an arrow passes a layer."""

    layer: int
    width: float
    height: float
    pull: float = FIRM
    above: list["_Item"] = field(default_factory=list)
    below: list["_Item"] = field(default_factory=list)
    x: float = 0.0
    place: float = 0.0


def laid_out(boxes: Sequence[Size], arrows: Sequence[tuple[int, int, Size]]) -> Layout:
    """Place boxes in layers, tails above heads.

    Parameters
    ----------
    boxes : sequence of (float, float)
        Widths and heights; each box comes after the tails of the arrows that lead to it.
    arrows : sequence of (int, int, (float, float))
        Tail, head, and width and height of the label.

    Returns
    -------
    Layout
    """
    items, chains = _items(boxes, arrows)
    layers: list[list[_Item]] = [[] for _ in range(1 + max(item.layer for item in items))]
    for item in items:
        layers[item.layer].append(item)
    _order(layers)
    _spread(layers)
    left = min(item.x - item.width / 2 for item in items) - MARGIN
    for item in items:
        item.x -= left
    width = max(item.x + item.width / 2 for item in items) + MARGIN
    bands, height = _bands(layers)
    routes = [
        _route(items[tail], chain, items[head], bands)
        for (tail, head, _), chain in zip(arrows, chains, strict=True)
    ]

    def centre(item: _Item) -> Point:
        return item.x, sum(bands[item.layer]) / 2

    return Layout(
        (width, height),
        [centre(item) for item in items[: len(boxes)]],
        [centre(chain[-1]) for chain in chains],
        routes,
    )


def _items(
    boxes: Sequence[Size], arrows: Sequence[tuple[int, int, Size]]
) -> tuple[list[_Item], list[list[_Item]]]:
    """Give every box its layer, an even one, and every arrow an item in each layer between."""
    depth = [0] * len(boxes)
    for tail, head, _ in sorted(arrows, key=lambda arrow: arrow[1]):
        depth[head] = max(depth[head], depth[tail] + 2)
    heads = {head for _, head, _ in arrows}
    for box in range(len(boxes)):
        used = [depth[head] for tail, head, _ in arrows if tail == box]
        if box not in heads and used:
            # What nothing leads to stands just above where it is used first.
            depth[box] = min(used) - 2
    items = [
        _Item(depth[box], *size, FIRM if box in heads else LOOSE) for box, size in enumerate(boxes)
    ]
    chains = []
    for tail, head, label in arrows:
        layers = range(depth[tail] + 1, depth[head])
        pull = STRAIGHT if len(layers) > 1 else items[tail].pull
        chain = [_Item(layer, 0.0, 0.0, pull) for layer in layers]
        chain[-1].width, chain[-1].height = label
        along = [items[tail], *chain, items[head]]
        for upper, lower in pairwise(along):
            upper.below.append(lower)
            lower.above.append(upper)
        chains.append(chain)
    return items + [item for chain in chains for item in chain], chains


def _order(layers: list[list[_Item]]) -> None:
    """Order the items of every layer by the means of their neighbours, for few crossings."""
    _number(layers)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        for layer in layers[1:] if downwards else layers[-2::-1]:
            weights = {}
            for item in layer:
                near = item.above if downwards else item.below
                places = [other.place for other in near]
                weights[item] = sum(places) / len(places) if places else item.place
            layer.sort(key=weights.__getitem__)
            _number([layer])
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best
    _number(layers)


def _number(layers: Sequence[list[_Item]]) -> None:
    for layer in layers:
        for place, item in enumerate(layer):
            # By share of the layer: layers of one and of many items then compare.
            item.place = (place + 0.5) / len(layer)


def _crossings(layers: Sequence[list[_Item]]) -> int:
    total = 0
    for layer in layers:
        passed: list[float] = []
        for item in layer:
            ends = sorted(other.place for other in item.below)
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _spread(layers: Sequence[list[_Item]]) -> None:
    """Find places from left to right: each item near its neighbours, and all apart."""
    for layer in layers:
        _apart(layer, [0.0] * len(layer))
    for sweep in range(4 * SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wanted = []
            for item in layer:
                near = item.above + item.below
                pull = sum(other.pull for other in near)
                moment = sum(other.pull * other.x for other in near)
                wanted.append(moment / pull if near else item.x)
            _apart(layer, wanted)


def _apart(layer: Sequence[_Item], wanted: Sequence[float]) -> None:
    """Move items as near as can be, in squares, to where they want to be, in order and apart."""
    offset, offsets = 0.0, []
    for before, item in zip([None, *layer], layer, strict=False):
        if before is not None:
            offset += (before.width + item.width) / 2 + BETWEEN
        offsets.append(offset)
    # Isotonic regression: neighbours that would overlap are pooled.
    pools: list[tuple[float, float, int]] = []
    for item, x, shift in zip(layer, wanted, offsets, strict=True):
        mean, pull, count = x - shift, item.pull, 1
        while pools and pools[-1][0] > mean:
            other, more, others = pools.pop()
            mean = (mean * pull + other * more) / (pull + more)
            pull, count = pull + more, count + others
        pools.append((mean, pull, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    for item, mean, shift in zip(layer, means, offsets, strict=True):
        item.x = mean + shift


def _bands(layers: Sequence[list[_Item]]) -> tuple[list[tuple[float, float]], float]:
    """Return top and bottom of every layer, and the height of all."""
    heights = [max(item.height for item in layer) for layer in layers]
    gaps = []
    for layer in layers[:-1]:
        moves = [abs(item.x - other.x) for item in layer for other in item.below]
        gaps.append(GAP + SLOPE * max(moves, default=0.0))
    total = sum(heights) + sum(gaps) + 2 * MARGIN
    top, bands = total - MARGIN, []
    for height, gap in zip(heights, [*gaps, 0.0], strict=True):
        bands.append((top, top - height))
        top -= height + gap
    return bands, total


def _route(
    tail: _Item, chain: Sequence[_Item], head: _Item, bands: Sequence[tuple[float, float]]
) -> list[Point]:
    start = _port(tail, tail.below, chain[0])
    end = _port(head, head.above, chain[-1])
    points = [(start, sum(bands[tail.layer]) / 2 - tail.height / 2), (start, bands[tail.layer][1])]
    for item in chain:
        points += [(item.x, edge) for edge in bands[item.layer]]
    return [
        *points,
        (end, bands[head.layer][0]),
        (end, sum(bands[head.layer]) / 2 + head.height / 2),
    ]


def _port(box: _Item, near: Sequence[_Item], item: _Item) -> float:
    """Return where along a box an arrow starts or ends: arrows share the middle half evenly."""
    order = sorted(near, key=lambda other: other.x)
    return box.x + box.width / 2 * ((order.index(item) + 0.5) / len(order) - 0.5)
