"""Trees: what they are read from, what they refuse, and forests as arrays."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from fastml.nn import Tree, TreeBatch, balanced_tree
from fastml.nn._structure import Structure

from ..tree_cases import random_tree

NESTED = st.recursive(
    st.integers(0, 9), lambda below: st.lists(below, min_size=1, max_size=4).map(tuple)
)


def as_nested(tree, node=None):
    """Return the tuples that a tree was read from."""
    node = tree.root if node is None else node
    below = tree.children[node]
    if not below:
        return tree.tokens[node]
    return tuple(as_nested(tree, k) for k in below)


def height_of(nested):
    return 1 + max(map(height_of, nested)) if isinstance(nested, tuple) else 0


@given(NESTED)
def test_nested_tuples_come_back(nested):
    tree = Tree.from_nested(nested)
    assert as_nested(tree) == nested
    assert tree.depth == height_of(nested)
    assert tree.root == 0
    again = Tree.from_sexpr(str(tree), labelled=False)
    assert again.children == tree.children
    assert again.tokens == tuple(t if t is None else str(t) for t in tree.tokens)


def test_operators_and_features():
    tree = Tree.from_nested(("+", ("*", 1, "x"), 3), labelled=True)
    assert tree.tokens == ("+", "*", 1, "x", 3)
    assert tree.children == ((1, 4), (2, 3), (), (), ())
    assert str(tree) == "(+ (* 1 x) 3)"
    tree = Tree.from_nested((np.array([1.0, 2.0]), (np.array([3.0, 4.0]), "a")))
    assert_array_equal(tree.features, [[0, 0], [1, 2], [0, 0], [3, 4], [0, 0]])
    assert tree.tokens == (None, None, None, None, "a")
    assert Tree([[]], [np.float32([1])]).features.dtype == np.float32
    assert Tree([[]], [[1]]).features.dtype == np.float64


def test_a_treebank_parse():
    text = "( (S (NP (DT the) (NN cat))\n  (VP (VBZ sits))) )"
    tree = Tree.from_brackets(text)
    assert tree.labels == ("S", "NP", "DT", "NN", "VP", "VBZ")
    assert tree.tokens == (None, None, "the", "cat", None, "sits")
    assert tree.depth == 2
    sentiment = Tree.from_brackets("(4 (2 A) (3 (3 good) (2 film)))", label=int)
    assert sentiment.labels == (4, 2, 3, 3, 2)


def test_deep_trees_need_no_deep_stack():
    depth = 5000
    tree = Tree.from_sexpr("(n " * depth + "1" + ")" * depth)
    assert tree.depth == depth
    assert str(tree).count("(") == depth


@given(st.integers(1, 300))
def test_balanced_trees_have_the_least_depth(n):
    tree = balanced_tree(range(n))
    assert tree.depth == int(np.ceil(np.log2(n)))
    assert tree.tokens[:n] == tuple(range(n))
    assert {len(below) for below in tree.children} <= {0, 2}
    assert str(tree).replace("(", "").replace(")", "").split() == [str(i) for i in range(n)]


def test_balanced_trees_of_rows():
    rows = np.arange(6.0).reshape(3, 2)
    tree = balanced_tree(rows)
    assert tree.tokens is None
    assert_array_equal(tree.features, np.vstack([rows, np.zeros((2, 2))]))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Tree([]), "a tree has a root"),
        (lambda: Tree([[1], [0]]), "Node 0 is in a cycle"),
        (lambda: Tree([[0]]), "Node 0 is in a cycle"),
        (lambda: Tree([[1], [], [3], [2]]), "Node 2 is in a cycle"),
        (lambda: Tree([[], []]), "one root, got 2: nodes 0 and 1"),
        (lambda: Tree([[1, 2], [2], []]), "Node 2 is a child of node 0 and of node 1"),
        (lambda: Tree([[1], [], [7]]), "children of node 2 must be nodes from 0 to 2, got node 7"),
        (lambda: Tree([[1], []], tokens="a"), "tokens must have an item for each of 2 nodes"),
        (lambda: Tree([[1], []], [[1.0], [1.0, 2.0]]), "node 1 has 2, and node 0 has 1"),
        (lambda: Tree([[1], []], [None, None]), "features must be those of one node"),
        (lambda: Tree([[]], ["word"]), "features of node 0 must be numbers"),
        (lambda: Tree.from_nested(("a", ())), "Node 2 is empty"),
        (lambda: Tree.from_nested((("a", 1), 2), labelled=True), "Node 0 begins with a node"),
        (lambda: Tree.from_sexpr("(a (b)"), r"a '\(' without its '\)' at character 0"),
        (lambda: Tree.from_sexpr("a)"), "more at character 1"),
        (lambda: Tree.from_sexpr(")"), r"a '\)' without its"),
        (lambda: Tree.from_sexpr("(a) (b)"), "text must be one expression, got more"),
        (lambda: Tree.from_sexpr("  "), "got an empty one"),
        (lambda: Tree.from_sexpr("(+ () a)"), "an empty list at character 3"),
        (lambda: Tree.from_brackets("(S word (NP x))"), "Node 1 must be a label with"),
        (lambda: Tree.from_brackets("(S)"), "Node 0 must be a label with"),
        (lambda: balanced_tree([]), "got an empty one"),
    ],
)
def test_what_is_no_tree_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "trees, options, message",
    [
        ([Tree([[1], []], [[1.0], [np.nan]])], {}, r"trees\[0\] contains NaN.*node 1"),
        (
            [Tree([[]], [[1.0]]), Tree([[1], []], [[0.0], [np.inf]])],
            {"name": "X"},
            r"X\[1\] contains infinity, in the features of node 1",
        ),
        (
            [Tree([[]], [[1.0]]), Tree([[]], [[1.0, 2.0]])],
            {},
            r"trees\[1\] has 2, trees\[0\] has 1",
        ),
        ([Tree([[]], tokens=["a"]), Tree([[]])], {}, r"trees\[1\] has none"),
        ([Tree([[]], tokens=["a"])], {}, r"Token 'a' of node 0 in trees\[0\] must be an integer"),
        ([Tree([[1], []], tokens=["a", "b"])], {"vocabulary": {"a": 0}}, "'b' of node 1"),
        (["(a b)"], {}, r"got str for trees\[0\]. Trees are made by"),
    ],
)
def test_forests_name_tree_and_node(trees, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        TreeBatch.of(trees, **options)


def test_forests_are_arrays_of_trees():
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, n, features=rng.standard_normal((n, 3))) for n in (4, 1, 9, 6)]
    batch = TreeBatch.of(trees)
    assert batch.shape == (4, 3)
    assert batch.dtype == np.float64
    for rows in (np.array([2, 0]), slice(1, 3), [3], np.array([True, False, True, False])):
        some = batch[rows]
        expected = TreeBatch.of([trees[i] for i in np.arange(4)[rows]])
        assert_array_equal(some.features, expected.features)
        for name in ("starts", "degrees", "heights", "children", "offsets", "parents", "roots"):
            got = getattr(some.structure, name)
            assert_array_equal(got, getattr(expected.structure, name))


@given(st.integers(0, 40), st.integers(1, 5), st.integers(0, 2**16))
def test_schedules_go_up(n_trees, n_workers, seed):
    rng = np.random.default_rng(seed)
    structure = Structure.of([random_tree(rng, int(rng.integers(1, 30))) for _ in range(n_trees)])
    nodes, runs, blocks = structure.schedule(n_workers)
    assert_array_equal(np.sort(nodes), np.arange(structure.n_nodes))
    assert runs[-1] == structure.n_nodes
    assert blocks[-1] == len(runs) - 1
    place, run_of = np.argsort(nodes), np.repeat(np.arange(len(runs) - 1), np.diff(runs))
    block_of = np.repeat(np.arange(len(blocks) - 1), np.diff(blocks))[run_of]
    child, parent = np.arange(structure.n_nodes), structure.parents
    child, parent = place[child[parent >= 0]], place[parent[parent >= 0]]
    assert (run_of[child] < run_of[parent]).all()
    assert_array_equal(block_of[child], block_of[parent])
    # The first run of a block has leaves only, and no other run has any.
    is_leaf = structure.degrees[nodes] == 0
    assert_array_equal(is_leaf, np.isin(run_of, blocks[:-1]))


def test_trees_are_pickled():
    tree = Tree.from_brackets("(S (A x) (B y))")
    again = pickle.loads(pickle.dumps(tree))
    assert (again.children, again.tokens, again.labels) == (tree.children, tree.tokens, tree.labels)
    assert repr(again) == "<tree (x y), 3 nodes>"
