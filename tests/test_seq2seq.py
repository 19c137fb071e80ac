"""Seq2SeqClassifier and Seq2SeqRegressor: beside PyTorch and all outputs, learning, bits, input."""

import itertools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.neural_network import Seq2SeqClassifier, Seq2SeqRegressor
from fastml.nn import Sequences, summary
from fastml.nn.layers import Run

FEW = {"max_iter": 3, "tol": 0, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.Conver"
                                        "genceWarning")  # fmt: skip


def reversals(n=300, longest=4, seed=0):
    """Sequences of tokens, and the letters that stand for them in reverse."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, 3, k) for k in rng.integers(1, longest, n)]
    return X, [np.array(["a", "bb", "c"])[x[::-1]] for x in X]


def waves(n=60, seed=0):
    """Waves of several lengths that go on for a while that their second feature tells."""
    rng = np.random.default_rng(seed)
    starts, lengths, ahead = rng.uniform(0, 6, n), rng.integers(3, 9, n), rng.integers(1, 5, n)
    X = [
        np.column_stack([np.sin(a + np.arange(k) / 2), np.full(k, m / 4)])
        for a, k, m in zip(starts, lengths, ahead, strict=True)
    ]
    y = [np.sin(a + (k + np.arange(m)) / 2) for a, k, m in zip(starts, lengths, ahead, strict=True)]
    return X, y


class OneLabel(Seq2SeqClassifier):
    """Targets that are sequences of one label, as scikit-learn's checks have them."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, columns(y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None, classes=None):
        return super().partial_fit(X, columns(y), sample_weight, classes)

    def predict(self, X):
        return np.array([a[0] if len(a) else self.classes_[0] for a in super().predict(X)])

    def score(self, X, y, sample_weight=None):
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)


class OneNumber(Seq2SeqRegressor):
    """Targets that are sequences of one number."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, columns(y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        return super().partial_fit(X, columns(y), sample_weight)

    def predict(self, X):
        return np.concatenate(super().predict(X))

    def score(self, X, y, sample_weight=None):
        return super().score(X, columns(y), sample_weight)


def columns(y):
    return y if y is None else np.asarray(y).reshape(-1, 1)


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield


@parametrize_with_checks(
    [OneLabel(4, max_iter=5, target_embedding_size=3), OneNumber(4, max_iter=5)]
)
def test_sklearn_checks(estimator, check, backend):
    check(estimator)


@pytest.fixture(scope="module")
def reversing():
    model = Seq2SeqClassifier(
        (12, 9), embedding_size=5, target_embedding_size=6, learning_rate_init=0.02,
        batch_size=50, **FEW,
    )  # fmt: skip
    return model.fit(*reversals())


def of_torch(model, kind):
    """Return log probabilities in each step by PyTorch, with the weights of a model."""
    torch = pytest.importorskip("torch")
    views = {name: torch.from_numpy(a) for name, a in model.network_.views.items()}
    encoder, decoder = (
        getattr(torch.nn, kind)(n, model.hidden_sizes, batch_first=True)
        for n in (model.embedding_size, model.target_embedding_size)
    )
    for module, place in ((encoder, "0.encoder.1."), (decoder, "0.decoder.1.")):
        module.load_state_dict(
            {name.removeprefix(place): a for name, a in views.items() if name.startswith(place)}
        )

    def shares(tokens, numbers):
        with torch.no_grad():
            x = views["0.encoder.0.weight"][torch.as_tensor(tokens)]
            given = [len(model.classes_), *numbers]
            states, _ = decoder(views["0.decoder.0.weight"][given][None], encoder(x[None])[1])
            sums = states[0] @ views["0.decoder.2.weight"] + views["0.decoder.2.bias"]
            return torch.log_softmax(sums, dim=1).numpy()

    return shares


@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
def test_probabilities_and_greedy_outputs_are_those_of_pytorch(cell):
    X, y = reversals(40)
    model = Seq2SeqClassifier(7, cell=cell, embedding_size=5, target_embedding_size=4, **FEW)
    model.fit(X, y)
    theirs = of_torch(model, {"tanh": "RNN"}.get(cell, cell.upper()))
    end = len(model.classes_)
    for x, labels, found in zip(X, y, model.log_likelihood(X, y), strict=True):
        said = [*np.searchsorted(model.classes_, labels), end]
        expected = theirs(x, said[:-1])[np.arange(len(said)), said].sum()
        np.testing.assert_allclose(found, expected, rtol=2e-5)
    for x, labels in zip(X, model.predict(X), strict=True):
        said = list(np.searchsorted(model.classes_, labels))
        most_probable = theirs(x, said).argmax(axis=1)
        assert said == list(most_probable[: len(said)])
        assert most_probable[-1] == end or len(said) == model.max_length_


def test_a_wide_beam_finds_the_most_probable_of_all_outputs(reversing):
    X, _ = reversals(6, seed=1)
    model = clone(reversing).set_params(max_length=3, beam_width=1000).fit(*reversals())
    for penalty in (0.0, 1.0):
        model.set_params(length_penalty=penalty)
        for x, beams in zip(X, model.predict_beams(X), strict=True):
            every = [
                labels
                for n in range(1, 4)
                for labels in itertools.product(["a", "bb", "c"], repeat=n)
            ]
            found = model.log_likelihood([x] * len(every), [list(labels) for labels in every])
            scores = found / (np.array([len(labels) for labels in every]) + 1) ** penalty
            best = next(b for b in beams if len(b[0]))
            # Those of three labels are cut off before their end, and not compared.
            whole = [i for i, labels in enumerate(every) if len(labels) < 3]
            top = max(whole, key=lambda i: scores[i])
            assert tuple(best[0]) == every[top]
            np.testing.assert_allclose(best[1], found[top], rtol=1e-5)


def test_a_beam_of_one_is_greedy_and_wider_ones_are_more_probable(reversing):
    X, _ = reversals(40, longest=6, seed=2)
    greedy = reversing.predict(X)
    model = clone(reversing)
    model.__dict__.update(vars(reversing))
    totals = []
    for width in (1, 2, 6):
        beams = model.set_params(beam_width=width).predict_beams(X)
        assert all(1 <= len(found) <= width for found in beams)
        totals.append(np.array([found[0][1] for found in beams]))
        if width == 1:
            for a, found in zip(greedy, beams, strict=True):
                np.testing.assert_array_equal(a, found[0][0])
    assert (totals[2] >= totals[0] - 1e-9).mean() > 0.9
    assert totals[2].mean() > totals[0].mean()


@pytest.mark.parametrize(
    "options",
    [{}, {"cell": "gru", "teacher_forcing": 0.5}, {"dropout": 0.1, "recurrent_dropout": 0.1}],
)
def test_reversal_is_learned(options):
    model = Seq2SeqClassifier(
        32, embedding_size=8, learning_rate_init=0.02, batch_size=50, max_iter=25, tol=0,
        n_iter_no_change=25, random_state=0, **options,
    ).fit(*reversals())  # fmt: skip
    X, y = reversals(100, seed=5)
    assert model.score(X, y) > 0.95
    assert model.token_score(X, y) >= model.score(X, y)
    assert model.set_params(beam_width=3).score(X, y) > 0.95


def test_numbers_and_their_end_are_learned():
    X, y = waves(300)
    model = Seq2SeqRegressor(
        16, learning_rate_init=0.02, batch_size=50, max_iter=40, tol=0, n_iter_no_change=40,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    X, y = waves(100, seed=1)
    assert model.length_ == "end"
    assert model.score(X, y) > 0.97
    assert model.sequence_score(X, y) > 0.97
    found = model.predict(X)
    assert np.mean([len(a) == len(b) for a, b in zip(found, y, strict=True)]) > 0.95
    assert [len(a) for a in model.predict(X, [2] * 100)] == [2] * 100


def test_a_result_has_the_same_bits_alone_and_among_others(reversing):
    X, y = reversals(30, longest=7, seed=3)
    whole = reversing.predict(X), reversing.log_likelihood(X, y)
    model = clone(reversing).set_params(beam_width=3)
    model.__dict__.update({k: v for k, v in vars(reversing).items() if k != "beam_width"})
    beams = model.predict_beams(X)
    waved, targets = waves(20)
    numbers = Seq2SeqRegressor(9, **FEW).fit(waved, targets)
    predicted = numbers.predict(waved)
    for i in (0, 7, 19):
        np.testing.assert_array_equal(reversing.predict(X[i : i + 1])[0], whole[0][i])
        assert reversing.log_likelihood(X[i : i + 1], y[i : i + 1]) == whole[1][i]
        assert [b for _, b in model.predict_beams(X[i : i + 1])[0]] == [b for _, b in beams[i]]
        np.testing.assert_array_equal(numbers.predict(waved[i : i + 1])[0], predicted[i])
    # In stretches of a few as well.
    model._rows_at_once = numbers._rows_at_once = 7
    assert [[b for _, b in found] for found in model.predict_beams(X)] == [
        [b for _, b in found] for found in beams
    ]
    for a, b in zip(numbers.predict(waved), predicted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_teacher_forcing_the_decoder_is_given_its_own_outputs(reversing):
    X, y = (Sequences(np.concatenate(a), np.cumsum([0, *map(len, a)])) for a in reversals(12))
    options = {"teacher_forcing": 0.0, "batch_size": "full"}
    model = clone(reversing).set_params(**options).fit(X, y)
    layer, *arrays = model.network_.part("0")

    def outputs(given, training):
        run = Run(training, seed=3)
        run.offsets, run.given = X.offsets, given
        return layer.apply(X.flat.astype(np.float32), *arrays, run)

    encoded = model._numbered(y)
    given = encoded.with_flat(model._given(encoded, None))
    found = outputs(given, True)
    # The label that comes out of a step is the one that went into the next: so say the outputs.
    own = np.roll(found[:, :-1].argmax(axis=1), 1)
    own[given.offsets[:-1]] = len(model.classes_)
    np.testing.assert_array_equal(found, outputs(given.with_flat(own), False))
    assert (own != given.flat).any()
    assert (found != outputs(given, False)).any()


def test_lengths_of_numbers_are_those_of_the_rule():
    X, y = waves(20)
    same = [a[:1] for a in y]
    assert Seq2SeqRegressor(3, **FEW).fit(X, same).length_ == 1
    as_long = Seq2SeqRegressor(3, **FEW).fit(X, X)
    assert as_long.length_ == "input"
    assert [a.shape for a in as_long.predict(X)] == [x.shape for x in X]
    single = [x.astype(np.float32) for x in X]
    assert as_long.fit(single, single).predict(single)[0].dtype == np.float32
    ended = Seq2SeqRegressor(3, length="end", max_length=2, **FEW).fit(X, same)
    assert {len(a) for a in ended.predict(X)} <= {1, 2}
    with pytest.raises(ValueError, match=r"y\[\d+\] must have 2 elements, as length=2, got "):
        Seq2SeqRegressor(3, length=2, **FEW).fit(X, y)
    assert as_long.score(X, X) <= 1


def test_weights_of_sequences_are_those_of_their_elements():
    X, y = reversals(30)
    weight = np.arange(30) % 2
    options = {"embedding_size": 4, "n_tokens": 3, "batch_size": "full", "alpha": 0, **FEW}
    kept = [i for i in range(30) if weight[i]]
    some = Seq2SeqClassifier(5, **options).fit([X[i] for i in kept], [y[i] for i in kept])
    weighted = Seq2SeqClassifier(5, **options).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.network_.flat, some.network_.flat, atol=1e-5)
    found = weighted.score(X, y, sample_weight=weight)
    assert found == some.score([X[i] for i in kept], [y[i] for i in kept])
    X, y = waves(30)
    options = {"batch_size": "full", "alpha": 0, **FEW}
    some = Seq2SeqRegressor(5, length="end", **options).fit(X[1::2], y[1::2])
    weighted = Seq2SeqRegressor(5, length="end", **options).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.network_.flat, some.network_.flat, atol=1e-5)


def test_fits_go_on_and_models_are_kept(tmp_path):
    X, y = reversals(60)
    options = {"embedding_size": 4, "batch_size": 20, **FEW}
    model = Seq2SeqClassifier(5, **options).fit(X, y)
    parts = Seq2SeqClassifier(5, **options)
    for _ in range(3):
        parts.partial_fit(X, y, classes=["a", "bb", "c"])
    np.testing.assert_array_equal(parts.network_.flat, model.network_.flat)
    halves = Seq2SeqClassifier(5, **{**options, "max_iter": 1}, checkpoint=tmp_path / "a").fit(X, y)
    assert halves.n_iter_ == 1
    copy = pickle.loads(pickle.dumps(model))
    assert [list(a) for a in copy.predict(X)] == [list(a) for a in model.predict(X)]
    early = Seq2SeqClassifier(5, **options, early_stopping=True).fit(X, y)
    assert len(early.validation_scores_) == early.n_iter_
    assert "EncoderDecoder" in str(summary(model.network_))


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_all_solvers_lower_the_loss():
    X, y = waves(40)
    losses = [Seq2SeqRegressor(6, solver=name, **FEW).fit(X, y).loss_ for name in ("adam", "lbfgs")]
    assert losses[1] < losses[0]


def test_lists_go_through_a_grid_search():
    X, y = reversals(45)
    grid = {"hidden_sizes": [3, (4, 3)], "beam_width": [1, 2]}
    search = GridSearchCV(Seq2SeqClassifier(embedding_size=4, **FEW), grid, cv=3).fit(X, y)
    assert len(search.predict(X)) == 45
    search = GridSearchCV(Seq2SeqRegressor(**FEW), {"hidden_sizes": [2, 3]}, cv=3).fit(*waves(30))
    assert search.best_params_["hidden_sizes"] in (2, 3)


@pytest.mark.parametrize("model", [Seq2SeqClassifier(4, **FEW), Seq2SeqRegressor(4, **FEW)])
def test_backends_agree(model):
    X, y = waves(20)
    if isinstance(model, Seq2SeqClassifier):
        y = [np.sign(a).astype(int) for a in y]
    flats = []
    for name in ("cpu", "reference"):
        with fastml.config_context(backend=name):
            flats.append(clone(model).fit(X, y).network_.flat)
    np.testing.assert_allclose(*flats, atol=1e-8)


def test_bad_input_is_refused_by_name(reversing):
    X, y = reversals(10)
    model = clone(reversing)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match=r"y\[1\] is empty"):
        model.fit(X, [y[0], [], *y[2:]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:9])
    with pytest.raises(ValueError, match="y must be a list of sequences"):
        model.fit(X, np.zeros(10))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.fit(X, [np.array([0.5, 1.25])] * 10)
    with pytest.raises(ValueError, match="Input y contains NaN: in sequence 2, step 1"):
        model.fit(X, [*[[1.0, 2.0]] * 2, [1.0, np.nan], *[[1.0]] * 7])
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(X, None)
    with pytest.raises(ValueError, match="not a source of batches"):
        model.fit(lambda epoch: iter([(X, y)]), None)
    with pytest.raises(ValueError, match="'teacher_forcing' parameter"):
        model.set_params(teacher_forcing=1.5).fit(X, y)
    with pytest.raises(ValueError, match="hidden_sizes must be one or more integers > 0"):
        clone(reversing).set_params(hidden_sizes=(3, 0)).fit(X, y)
    with pytest.raises(ValueError, match=r"y has labels .* which were not in the fit"):
        reversing.log_likelihood(X[:1], [["d"]])
    with pytest.raises(ValueError, match=r"tokens from 0 to 2, got 9 in sequence 0, step 1"):
        reversing.predict([[0, 9]])
    X, y = waves(10)
    y[3][0] = np.nan
    with pytest.raises(ValueError, match="Input y contains NaN: in sequence 3, step 0"):
        Seq2SeqRegressor(3, **FEW).fit(X, y)
    y[3][0] = 0
    numbers = Seq2SeqRegressor(3, **FEW).fit(X, y)
    with pytest.raises(ValueError, match="elements of shape"):
        numbers.score(X, [np.zeros((2, 2))] * 10)
    with pytest.raises(ValueError, match="lengths must be at least 1, got 0"):
        numbers.predict(X, [0] * 10)
