"""Sunspots forecast a year ahead by an LSTM, with its doubts, beside simpler forecasts.

The network learns from the years up to 1920 what the next year brings, with dropout between its
steps and layers. The spread over dropout masks, together with the noise left, says how far off a
forecast may be. Then the years come one by one as a stream, and two hundred futures go on from the
last of them. The pictures go to ``examples/output`` (or to ``--output DIRECTORY``).

The numbers of sunspots in ``sunspots.csv`` are those of the US National Geophysical Data Center,
in the public domain.
"""

import warnings
from pathlib import Path

import numpy as np
from helpers import output_directory, save, with_progress_bar
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

import fastml
from fastml.neural_network import LSTMRegressor

LAST_LEARNED = 1920
WINDOW = 60
N_MASKS = 200
N_FUTURES, N_AHEAD = 200, 33
# Nine of ten years of a normal distribution.
WIDTH = 1.645


def main() -> None:
    """Train the network, print how far off forecasts are, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Steps are so small that a second thread would mostly be waited for.
    fastml.set_config(num_threads=1)
    file = Path(__file__).with_name("sunspots.csv")
    years, numbers = np.loadtxt(file, delimiter=",", skiprows=1, unpack=True)
    series = scaled(numbers)
    n_learned = int((years <= LAST_LEARNED).sum())

    model = with_progress_bar(network()).fit(*windows(series[:n_learned]))
    # Of each year from the one before and all those before that.
    (forecast,) = model.predict([series[:-1]], n_masks=N_MASKS)
    (doubt,) = model.predict_std([series[:-1]], n_masks=N_MASKS)
    residuals = (series[1:] - forecast)[: n_learned - 1]
    noise = residuals.std()
    spread = np.sqrt(doubt**2 + noise**2)

    later = slice(n_learned - 1, None)
    forecasts = {
        "last year's": numbers[:-1],
        "autoregression": unscaled(autoregression(series, n_learned)),
        "LSTM": unscaled(forecast),
    }
    print(f"Sunspots {years[n_learned]:.0f} to {years[-1]:.0f}, learned from those before:")
    errors = {}
    for name, found in forecasts.items():
        errors[name] = np.sqrt(np.square(found - numbers[1:])[later].mean())
        print(f"  {name:16} root mean square error {errors[name]:.1f}")
    off = np.abs(series[1:] - forecast)[later]
    print("Years that lie where nine of ten should:")
    for name, width in (("masks alone", doubt[later]), ("masks and noise", spread[later])):
        print(f"  {name:16} {(off < WIDTH * width).mean():.0%}")

    state, seen = None, []
    for value in series:
        prediction, state = model.predict_step([[value]], state)
        seen.append(prediction[0])
    (whole,) = model.predict([series])
    print(f"Years that a stream forecasts in other bits: {(whole != seen).sum()} of {len(seen)}")
    futures = unscaled(dreamt(model, series, noise))

    figures = {
        "forecast_years": draw_years(years, numbers, forecast, spread, doubt, n_learned, errors),
        "forecast_futures": draw_futures(years, numbers, futures),
    }
    save(figures, output)


def network():
    """Return the network that is to learn; more epochs forecast 1871 to 1920 worse from before."""
    return LSTMRegressor(
        32, dropout=0.1, recurrent_dropout=0.1, learning_rate="cosine", learning_rate_init=0.01,
        batch_size=16, max_iter=20, tol=0, n_iter_no_change=20, random_state=0,
    )  # fmt: skip


def scaled(numbers):
    """Return numbers as the network sees them: the larger ones have more noise."""
    return (np.sqrt(numbers) / 5 - 1).astype(np.float32)


def unscaled(values):
    """Return what scaled values stand for."""
    return 25 * np.square(np.maximum(values + 1, 0))


def windows(series):
    """Return pieces of a series, and for each year of them the year after."""
    pieces = np.lib.stride_tricks.sliding_window_view(series, WINDOW + 1)
    return [piece[:-1] for piece in pieces], [piece[1:] for piece in pieces]


def autoregression(series, n_learned, order=9):
    """Return forecasts of each year but the first by the nine years before it."""
    before = np.concatenate([np.full(order - 1, series[0]), series[:-1]])
    rows = np.lib.stride_tricks.sliding_window_view(before, order)
    learned = slice(order, n_learned - 1)
    return LinearRegression().fit(rows[learned], series[1:][learned]).predict(rows)


def dreamt(model, series, noise):
    """Return futures: forecasts under noise, which are taken for what came."""
    state = None
    for value in series:
        values, state = model.predict_step(np.full((N_FUTURES, 1), value), state)
    rng, found = np.random.default_rng(0), []
    for _ in range(N_AHEAD):
        values = np.maximum(values + noise * rng.standard_normal(N_FUTURES), -1)
        found.append(values)
        values, state = model.predict_step(values[:, None].astype(series.dtype), state)
    return np.array(found)


def draw_years(years, numbers, forecast, spread, doubt, n_learned, errors):
    """Draw the years that were not learned, forecasts and their doubts."""
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    shown = slice(n_learned - 1, None)
    at = years[1:][shown]
    middle = forecast[shown]
    for width, colour, label in (
        (spread, "#cfe0f5", "nine of ten: masks and noise"),
        (doubt, "#8db7e8", "masks alone"),
    ):
        low, high = (unscaled(middle + sign * WIDTH * width[shown]) for sign in (-1, 1))
        above.fill_between(at, low, high, color=colour, linewidth=0, label=label)
    ours, naive = errors["LSTM"], errors["last year's"]
    label = f"LSTM (error {ours:.1f}; last year's {naive:.1f})"
    above.plot(at, unscaled(middle), color="#1f6fc4", linewidth=1.5, label=label)
    above.plot(at, numbers[1:][shown], "o", color="#c4411f", markersize=3.5, label="sunspots")
    above.set(title="Sunspots, forecast a year ahead", ylabel="sunspots", xlim=(at[0], at[-1]))
    above.legend(ncols=4, loc="upper center", fontsize=9)
    above.set_ylim(0, 290)
    below.plot(at, doubt[shown], color="#1f6fc4")
    below.set(title="Spread over dropout masks, on the scale of square roots", xlabel="year")
    below.set_ylim(0)
    return figure


def draw_futures(years, numbers, futures):
    """Draw the last years, and the futures as bands and some as lines."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    axes = figure.subplots()
    at = years[-1] + np.arange(1, N_AHEAD + 1)
    for inner in (5, 15, 25, 35):
        low, high = np.percentile(futures, [inner, 100 - inner], axis=1)
        axes.fill_between(at, low, high, color="#1f6fc4", alpha=0.16, linewidth=0)
    axes.plot(at, futures[:, :3], color="#1f6fc4", linewidth=0.8)
    axes.plot(at, np.median(futures, axis=1), color="#12406f", linewidth=2, label="median")
    axes.plot(years[-60:], numbers[-60:], color="#c4411f", label="sunspots")
    axes.set(
        title=f"{N_FUTURES} futures by predict_step: nine of ten in the pale band, three drawn"
    )
    axes.set(xlabel="year", ylabel="sunspots", xlim=(years[-60], at[-1]), ylim=(0, None))
    axes.legend(loc="upper center")
    return figure


if __name__ == "__main__":
    main()
