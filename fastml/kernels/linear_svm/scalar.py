"""Steps of one coordinate, and of a trust region: numbers alone, for all backends."""

# Steps and gradients below this are none.
NONE = 1e-12

# Line search under the l1 penalty: the share of the predicted decrease that is asked for, and
# halvings at the most.
SHARE = 0.01
HALVINGS = 20

# A step is taken if the value falls by more than the first share of what was predicted; the region
# shrinks or grows at the others, by factors between the sigmas (Lin, Weng, Keerthi 2008).
ETA = (1e-4, 0.25, 0.75)
SIGMA = (0.25, 0.5, 4.0)
# Of the length of the gradient: when conjugate gradients are near enough to the Newton step.
INNER = 0.1
# Of the value: changes below this are rounding.
ROUNDING = 1e-12


def side(value, low, high, above, below, up, down):
    """Return the slope that is left at a value between bounds, and whether it can be shrunk.

    `above` and `below` are the slopes for larger and smaller values; `up` and `down` are how far
    the slopes of the last epoch went.
    """
    if value == 0:
        if above < 0:
            return above, False
        if low < 0 and below > 0:
            return below, False
        return 0.0, above > up and (low == 0 or below < down)
    if value >= high:
        return (above, False) if above > 0 else (0.0, above < down)
    if value <= low:
        return (below, False) if below < 0 else (0.0, below > up)
    return (above, False) if value > 0 else (below, False)


def newton_step(value, above, below, curvature):
    """Return the step to the minimum of a quadratic with a kink at 0, before bounds."""
    if above < curvature * value:
        return -above / curvature
    if below > curvature * value:
        return -below / curvature
    return -value


def new_radius(radius, length, actual, predicted, along):
    """Return the size of the trust region after a step; `along` is the gradient along it."""
    rise = -actual - along
    share = SIGMA[2] if rise <= 0 else max(SIGMA[0], -0.5 * (along / rise))
    if actual < ETA[0] * predicted:
        return min(max(share, SIGMA[0]) * length, SIGMA[1] * radius)
    if actual < ETA[1] * predicted:
        return max(SIGMA[0] * radius, min(share * length, SIGMA[1] * radius))
    if actual < ETA[2] * predicted:
        return max(SIGMA[0] * radius, min(share * length, SIGMA[2] * radius))
    return max(radius, min(share * length, SIGMA[2] * radius))
