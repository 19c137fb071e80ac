"""Estimators of trees."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.neural_network import RecursiveClassifier, RecursiveRegressor
from fastml.nn import Tree, TreeBatch, balanced_tree

from .tree_cases import random_tree

QUICK = {"max_iter": 40, "tol": 1e-2, "learning_rate_init": 0.02, "random_state": 0}


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [
        RecursiveClassifier(6, max_iter=25, learning_rate_init=0.1),
        RecursiveRegressor(6, cell="rnn", max_iter=25, learning_rate_init=0.1),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


def expressions(n=200, seed=0):
    """Return random trees of "and", "or" and "not", and what they and all their nodes are."""
    rng = np.random.default_rng(seed)

    def made(depth):
        if depth == 0:
            value = bool(rng.integers(2))
            return str(int(value)), [value]
        operator = ("and", "or", "not")[rng.integers(3)]
        parts = [made(depth - 1) for _ in range(1 if operator == "not" else 2)]
        values = [values[0] for _, values in parts]
        value = {"and": all(values), "or": any(values), "not": not values[0]}[operator]
        below = [v for _, values in parts for v in values]
        return [operator, *(nested for nested, _ in parts)], [value, *below]

    found = [made(int(rng.integers(3))) for _ in range(n)]
    trees = [Tree.from_nested(nested, labelled=True) for nested, _ in found]
    return trees, [values for _, values in found]


@pytest.mark.parametrize(
    "options",
    [{}, {"cell": "rnn"}, {"composition": "binary"}, {"hidden_sizes": (8, 8), "dropout": 0.1}],
)
def test_learns_logic(options):
    X, values = expressions()
    y = np.array([v[0] for v in values])
    model = RecursiveClassifier(**({"hidden_sizes": 16} | QUICK | options)).fit(X, y)
    assert model.score(X, y) >= 0.95
    assert_array_equal(model.predict(X), model.predict_proba(X)[:, 1] > 0.5)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_targets_of_nodes():
    X, values = expressions(120)
    labels = [np.where(v, "yes", "no") for v in values]
    model = RecursiveClassifier(16, targets="nodes", **QUICK).fit(X, labels)
    assert model.per_node_
    assert model.score(X, labels) >= 0.95
    assert [len(a) for a in model.predict(X)] == [tree.n_nodes for tree in X]
    roots = [a[0] for a in model.predict(X)]
    assert np.mean(np.array(roots) == [a[0] for a in labels]) >= 0.9
    weight = [np.r_[1.0, np.zeros(len(v) - 1)] for v in values]
    weighted = np.mean(np.array(roots) == [a[0] for a in labels])
    assert_allclose(model.score(X, labels, weight), weighted)


def test_regression_on_sums_of_leaves():
    rng = np.random.default_rng(0)
    rows = [rng.uniform(-1, 1, (n, 2)).astype(np.float32) for n in rng.integers(1, 10, 150)]
    X = [balanced_tree(row) for row in rows]
    y = np.array([row.sum(axis=0) for row in rows])
    model = RecursiveRegressor(16, early_stopping=True, **QUICK | {"max_iter": 100}).fit(X, y)
    assert model.predict(X).dtype == np.float32
    assert model.score(X, y) > 0.9
    each = [np.r_[row.sum(axis=1), np.zeros(tree.n_nodes - len(row))]
            for row, tree in zip(rows, X, strict=True)]  # fmt: skip
    model = RecursiveRegressor(8, targets="nodes", **QUICK).fit(X, each)
    assert [a.shape for a in model.predict(X[:3])] == [(t.n_nodes,) for t in X[:3]]


def fitted(X, y, **options):
    with pytest.warns(ConvergenceWarning):
        return RecursiveClassifier(**({"hidden_sizes": 6, "max_iter": 2, "random_state": 0}
                                      | options)).fit(X, y)  # fmt: skip


@pytest.mark.parametrize("composition", ["child_sum", 4])
def test_predictions_have_the_same_bits_alone_and_among_others(composition):
    rng = np.random.default_rng(0)
    X = [random_tree(rng, n, 4, rng.standard_normal((n, 3))) for n in rng.integers(1, 40, 50)]
    y = [tree.depth > 3 for tree in X]
    model = fitted(X, y, composition=composition)
    whole = model.predict_proba(X)
    order = rng.permutation(50)
    assert_array_equal(model.predict_proba([X[i] for i in order]), whole[order])
    for i in (0, 17, 49):
        assert_array_equal(model.predict_proba([X[i]]), whole[i : i + 1])
    assert_array_equal(model.predict_proba(TreeBatch.of(X)), whole)
    for again in (pickle.loads(pickle.dumps(model)), fitted(X, y, composition=composition)):
        assert_array_equal(again.predict_proba(X), whole)


def test_lists_go_through_scikit_learn():
    X, values = expressions(60)
    y = [v[0] for v in values]
    model = RecursiveClassifier(8, max_iter=3, tol=9, n_iter_no_change=1, random_state=0)
    search = GridSearchCV(model, {"cell": ["lstm", "rnn"]}, cv=2).fit(X, y)
    assert search.best_estimator_.predict(X).shape == (60,)
    model = make_pipeline(FunctionTransformer(), clone(model))
    assert len(cross_val_score(model, X, y, cv=2)) == 2


def test_weights_of_samples_and_classes():
    X, values = expressions(60)
    y = np.array([v[0] for v in values])
    weight = np.where(y, 3.0, 1.0)
    by_sample = fitted(X, y)
    assert not np.array_equal(by_sample.predict_proba(X), fitted(X, y, class_weight={True: 3}
                                                                 ).predict_proba(X))  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        by_sample.fit(X, y, sample_weight=weight)
    by_class = fitted(X, y, class_weight={True: 3})
    assert_array_equal(by_sample.predict_proba(X), by_class.predict_proba(X))


def test_partial_fit_and_unknown_tokens():
    X, values = expressions(60)
    y = np.array([v[0] for v in values])
    tokens = ["0", "1", "and", "or", "not", "xor"]
    model = RecursiveClassifier(8, vocabulary=tokens, random_state=0)
    model.partial_fit(X[:20], y[:20], classes=[False, True])
    model.partial_fit(X[20:], y[20:])
    assert model.vocabulary_ == {token: i for i, token in enumerate(tokens)}
    other = Tree.from_sexpr("(nand 1 0)")
    with pytest.raises(ValueError, match=r"Token 'nand' of node 0 in X\[1\] is not in the voc"):
        model.predict([X[0], other])
    with pytest.raises(ValueError, match="Token 'nand'"):
        model.partial_fit([other], [True])
    model.set_params(handle_unknown="ignore")
    nothing = Tree(other.children, tokens=[None, *other.tokens[1:]])
    assert_array_equal(*(model.predict_proba([tree]) for tree in (other, nothing)))


def test_lbfgs_and_masks():
    X, values = expressions(40)
    y = [v[0] for v in values]
    model = RecursiveClassifier(6, solver="lbfgs", max_iter=40, random_state=0, tol=1e-2)
    assert model.fit(X, y).score(X, y) > 0.9
    model = fitted(X, y, dropout=0.5)
    assert_array_equal(model.predict_proba(X, n_masks=3), model.predict_proba(X, n_masks=3))
    assert (model.predict_std(X, n_masks=3) > 0).any()
    with pytest.raises(ValueError, match="n_masks must be a positive integer"):
        model.predict_proba(X, n_masks="all")


def leaves(*numbers):
    return [Tree([[]], [[float(number)]]) for number in numbers]


@pytest.mark.parametrize(
    "X, y, options, message",
    [
        (leaves(1, np.nan), [0, 1], {}, "X[1] contains NaN, in the features of node 0"),
        ([*leaves(1), Tree([[]], [[1.0, 2.0]])], [0, 1], {}, "X[1] has 2, X[0] has 1"),
        ([*leaves(1), "(a b)"], [0, 1], {}, "got str for X[1]. Trees are made by"),
        ([*leaves(1), None], [0, 1], {}, "got NoneType for X[1]"),
        ([Tree([[1, 2, 3], [], [], []], [[1.0]] * 4)] * 2, [0, 1], {"composition": "binary"},
         "Node 0 of X[0] has 3 children, but there are places for 2"),
        (leaves(1, 2), [0, 1], {"targets": "nodes"}, "y must be a list with the targets"),
        (leaves(1, 2), [[0], [1, 0]], {"targets": "nodes"}, "y[1] has 2, X[1] 1"),
        (leaves(1, 2), [0, 1, 1], {}, "inconsistent numbers of samples: [2, 3]"),
        (leaves(1, 2), None, {}, "requires y to be passed, but the target y is None"),
        ([], [], {}, "0 sample(s)"),
        (leaves(1, 2), [0, 1], {"composition": "mean"}, "'composition' parameter"),
        (leaves(1, 2), [0, 1], {"hidden_sizes": (4, 0)}, "hidden_sizes must be one or more"),
        (leaves(1, 2), [0, 1], {"cell": "gru"}, "'cell' parameter"),
    ],
)  # fmt: skip
def test_bad_input_is_named(X, y, options, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        RecursiveClassifier(**({"hidden_sizes": 4} | options)).fit(X, y)


def test_other_trees_than_those_of_the_fit_are_refused():
    model = fitted(leaves(1, 2, 3), [0, 1, 0])
    with pytest.raises(
        ValueError, match="X has 2 features, but RecursiveClassifier is expecting 1"
    ):
        model.predict([Tree([[]], [[1.0, 2.0]])])
    with pytest.raises(ValueError, match="and its token where"):
        model.predict([Tree([[]], tokens=["a"])])
    batch = TreeBatch.of([Tree([[1], []], tokens=[0, 1]), Tree([[]], tokens=[1])])
    model = fitted(batch, [0, 1])
    with pytest.raises(
        ValueError, match="X has a token 7, but RecursiveClassifier was fitted to 2"
    ):
        model.predict(TreeBatch.of([Tree([[]], tokens=[7])]))


def test_fits_go_on_from_files_and_from_the_last_solution(tmp_path):
    X, values = expressions(60)
    y = [v[0] for v in values]
    options = {"batch_size": 20, "max_iter": 4, "early_stopping": True}
    whole = fitted(X, y, **options)
    path = tmp_path / "fit"
    fitted(X, y, checkpoint=path, **options)
    # That fit had come to its end: nothing is left to do.
    options |= {"hidden_sizes": 6, "random_state": 0, "checkpoint": path}
    again = RecursiveClassifier(**options).fit(X, y)
    assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ValueError, match="X"):
        RecursiveClassifier(**options).fit(X[::-1], y)
    with pytest.warns(ConvergenceWarning):
        whole.set_params(warm_start=True).fit(X, y)
    assert not np.array_equal(again.predict_proba(X), whole.predict_proba(X))
