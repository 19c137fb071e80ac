"""How the learning rate changes from one iteration to the next."""

import math

__all__ = ["SCHEDULES", "rate_at"]

SCHEDULES = ("constant", "invscaling", "adaptive", "cosine")


def rate_at(
    schedule: str, rate: float, initial: float, t: int, power_t: float, t_max: int
) -> float:
    """Return the learning rate after an iteration.

    Parameters
    ----------
    schedule : {"constant", "invscaling", "adaptive", "cosine"}
        How it changes. "adaptive" changes it where the loss stops to fall, not here.
    rate : float
        What it is so far.
    initial : float
        What it was at first.
    t : int
        Samples seen so far.
    power_t : float
        Of "invscaling": ``initial / (t + 1) ** power_t``.
    t_max : int
        Of "cosine": ``initial (1 + cos(pi t / t_max)) / 2``, and 0 from `t_max` samples on
        (Loshchilov and Hutter 2017, equation 5, without restarts).
    """
    if schedule == "invscaling":
        return float(initial) / (t + 1) ** power_t
    if schedule == "cosine":
        return initial * (1 + math.cos(math.pi * min(t / t_max, 1.0))) / 2
    return rate
