"""Layers over trees on the CPU: a block of trees goes through all its levels on its own.

No two blocks meet. Products are the register tile's, whose sums have one order at any height, and
all else is done node by node: what becomes of a tree does not depend on the others.
"""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.block import block_cols
from fastml._jit.memory import copy_items
from fastml._jit.tree_gates import forget_child, forget_child_back, node_step, node_step_back
from fastml.kernels.recurrent.forms import LSTM
from fastml.kernels.tree.forms import CHILD_SUM
from fastml.kernels.tree.nodes import (
    NODES_AT_ONCE,
    SPARE,
    add,
    fill,
    gather,
    multiply,
    packed,
    packed_transposed,
    padded,
    plain_step,
    plain_step_back,
)


def _work(weight, edge_weight, nodes):
    # The tile does so many multiply-adds in the time of one operation.
    return (weight.size + edge_weight.size) * nodes.size / 40


@njit_leaf
def _forward_block(
    block, kind, composition, sums, panels, edge_panels, children, offsets, parents, numbers, nodes,
    runs, blocks, n, n_sums, length, pitch, edge_pitch, zeros, gates, forget, states, cells,
    previous,
):  # fmt: skip
    """Go up through the levels of a block of trees."""
    dtype = states.dtype
    lines = np.empty(NODES_AT_ONCE * (max(length, n) + SPARE), dtype)
    products = np.zeros(NODES_AT_ONCE * max(pitch, edge_pitch), dtype)
    for run in range(blocks[block], blocks[block + 1]):
        # Leaves come first, and have no product.
        leaves = run == blocks[block]
        for start in range(runs[run], runs[run + 1], NODES_AT_ONCE):
            n_rows = min(NODES_AT_ONCE, runs[run + 1] - start)
            if not leaves:
                for i in range(n_rows):
                    j = nodes[start + i]
                    here = i * (length + SPARE)
                    gather(
                        composition, states, n, children, offsets[j], offsets[j + 1], lines, here,
                        length,
                    )  # fmt: skip
                    copy_items(previous, numbers[j] * length, lines, here, length)
                multiply(lines, n_rows, length, panels, zeros, products, pitch)
            for i in range(n_rows):
                j = nodes[start + i]
                row, here = j * n_sums, i * pitch
                if kind != LSTM:
                    plain_step(kind, sums, products, here, row, n, states)
                    continue
                fill(cells, j * n, n)
                if parents[j] < 0:
                    fill(forget, j * n, n)
                for e in range(offsets[j], offsets[j + 1]):
                    k = children[e] * n
                    if composition != CHILD_SUM:
                        copy_items(forget, k, products, here + (3 + e - offsets[j]) * n, n)
                    forget_child(sums, row + 3 * n, forget, k, cells, k, cells, j * n, n)
                if leaves:
                    node_step(sums, row, zeros, 0, gates, 3 * j * n, cells, j * n, states, j * n, n)
                else:
                    node_step(
                        sums, row, products, here, gates, 3 * j * n, cells, j * n, states, j * n, n
                    )
            if edge_pitch > 0:
                # What the node above forgets by depends on this state alone.
                for i in range(n_rows):
                    copy_items(lines, i * (n + SPARE), states, nodes[start + i] * n, n)
                multiply(lines, n_rows, n, edge_panels, zeros, products, edge_pitch)
                for i in range(n_rows):
                    j = nodes[start + i]
                    if parents[j] >= 0:
                        copy_items(forget, j * n, products, i * edge_pitch, n)


@njit_parallel(work=lambda *args: _work(args[3], args[4], args[9]))
def forward(
    kind,  # IN scalar
    composition,  # IN scalar
    sums,  # IN (n_nodes, n_sums)
    weight,  # IN (n_products, n_inputs)
    edge_weight,  # IN (n_edge_products, n_units)
    children,  # IN (n_edges,)
    offsets,  # IN (n_offsets,)
    parents,  # IN (n_nodes,)
    numbers,  # IN (n_nodes,)
    nodes,  # IN (n_nodes,)
    runs,  # IN (n_run_offsets,)
    blocks,  # IN (n_block_offsets,)
    gates,  # OUT (n_gated, n_gates)
    forget,  # OUT (n_gated, n_units)
    states,  # OUT (n_nodes, n_units)
    cells,  # OUT (n_gated, n_units)
    previous,  # OUT (n_inner, n_inputs)
):
    """Go up through the trees of a forest.

    Parameters
    ----------
    kind : int
        Of the cell: RNN_TANH, RNN_RELU or LSTM of `kernels.recurrent.forms`.
    composition : int
        One of `forms`: CHILD_SUM adds the states of children up, N_ARY has a place for each.
    sums : (n_nodes, n_sums) float array
        Products with the input of each node, and biases, in the order that `forms` says: n_units
        numbers of a plain cell, 4 n_units of an LSTM.
    weight : (n_products, n_inputs) float array
        What the children's states are multiplied by, n_units numbers or n_places n_units. Of an
        LSTM for input, output and new value, and with places for the gate of each to forget by.
    edge_weight : (n_edge_products, n_units) float array
        Of an LSTM that adds up: what the state of each child is multiplied by for its gate to
        forget by. No rows otherwise.
    children : (n_edges,) int64 array
        The children of all nodes, one node after the other.
    offsets : (n_offsets,) int64 array
        Where those of each node begin, and where the last ones end: n_nodes + 1 numbers.
    parents : (n_nodes,) int64 array
        The node above each node, -1 for a root.
    numbers : (n_nodes,) int64 array
        Numbers of nodes among those that have children, -1 for leaves.
    nodes : (n_nodes,) int64 array
        Nodes in the order of runs.
    runs : (n_run_offsets,) int64 array
        Where runs begin among them, and where the last one ends. A run is a level of a block.
    blocks : (n_block_offsets,) int64 array
        Where blocks of trees begin among the runs, and where the last one ends. The first run of
        a block has its leaves, the others have nodes whose children are in runs before.
    gates : (n_gated, n_gates) float array
        Written: values of input, output and new value of an LSTM, 3 n_units of each node; no rows
        of others, as in the following ones.
    forget : (n_gated, n_units) float array
        Written: what the node above forgets the cell of each node by; 0 for a root.
    states : (n_nodes, n_units) float array
        Written.
    cells : (n_gated, n_units) float array
        Written.
    previous : (n_inner, n_inputs) float array
        Written: what was multiplied by `weight`, in the order of `numbers`.
    """
    n, n_sums, length = states.shape[1], sums.shape[1], weight.shape[1]
    panels, edge_panels = packed_transposed(weight), packed_transposed(edge_weight)
    pitch, edge_pitch = padded(weight.shape[0], weight), padded(edge_weight.shape[0], weight)
    zeros = np.zeros(max(3 * n, block_cols(weight)), weight.dtype)
    # Flat, as slices of rows would count references all the time.
    all_sums, all_gates, all_forget = sums.reshape(-1), gates.reshape(-1), forget.reshape(-1)
    all_states, all_cells = states.reshape(-1), cells.reshape(-1)
    all_previous = previous.reshape(-1)
    for block in prange(blocks.size - 1):
        _forward_block(
            block, kind, composition, all_sums, panels, edge_panels, children, offsets, parents,
            numbers, nodes, runs, blocks, n, n_sums, length, pitch, edge_pitch, zeros, all_gates,
            all_forget, all_states, all_cells, all_previous,
        )  # fmt: skip


@njit_leaf
def _backward_block(
    block, kind, composition, panels, edge_panels, children, offsets, parents, numbers, nodes, runs,
    blocks, n, n_sums, n_products, pitch, edge_pitch, zeros, gates, forget, states, cells, gradient,
    by_products, by_forget, by_states, by_cells,
):  # fmt: skip
    """Go down through the levels of a block of trees."""
    dtype = states.dtype
    lines = np.empty(NODES_AT_ONCE * (max(n_products, n) + SPARE), dtype)
    products = np.empty(NODES_AT_ONCE * max(pitch, edge_pitch), dtype)
    for run in range(blocks[block + 1] - 1, blocks[block] - 1, -1):
        leaves = run == blocks[block]
        for start in range(runs[run], runs[run + 1], NODES_AT_ONCE):
            n_rows = min(NODES_AT_ONCE, runs[run + 1] - start)
            for i in range(n_rows):
                j = nodes[start + i]
                if kind == LSTM and parents[j] < 0:
                    fill(by_forget, j * n, n)
                if edge_pitch > 0:
                    copy_items(lines, i * (n + SPARE), by_forget, j * n, n)
            if edge_pitch > 0:
                multiply(lines, n_rows, n, edge_panels, zeros, products, edge_pitch)
                for i in range(n_rows):
                    add(by_states, nodes[start + i] * n, products, i * edge_pitch, n)
            for i in range(n_rows):
                j = nodes[start + i]
                row, here = j * n_sums, i * (n_products + SPARE)
                first, last = offsets[j], offsets[j + 1]
                if kind == LSTM:
                    node_step_back(
                        by_states, j * n, gates, 3 * j * n, cells, j * n, by_cells, j * n,
                        gradient, row, n,
                    )  # fmt: skip
                    fill(gradient, row + 3 * n, n)
                    for e in range(first, last):
                        k = children[e] * n
                        forget_child_back(
                            by_cells, j * n, forget, k, cells, k, by_cells, k, by_forget, k, n
                        )
                        add(gradient, row + 3 * n, by_forget, k, n)
                else:
                    plain_step_back(kind, by_states, states, row, n, gradient)
                if leaves:
                    continue
                if composition == CHILD_SUM or kind != LSTM:
                    copy_items(lines, here, gradient, row, n_products)
                else:
                    copy_items(lines, here, gradient, row, 3 * n)
                    gather(
                        composition, by_forget, n, children, first, last, lines, here + 3 * n,
                        n_products - 3 * n,
                    )  # fmt: skip
                copy_items(by_products, numbers[j] * n_products, lines, here, n_products)
            if not leaves:
                multiply(lines, n_rows, n_products, panels, zeros, products, pitch)
                for i in range(n_rows):
                    j = nodes[start + i]
                    for e in range(offsets[j], offsets[j + 1]):
                        here = i * pitch
                        if composition != CHILD_SUM:
                            here += (e - offsets[j]) * n
                        add(by_states, children[e] * n, products, here, n)


@njit_parallel(work=lambda *args: _work(args[2], args[3], args[8]))
def backward(
    kind,  # IN scalar
    composition,  # IN scalar
    weight,  # IN (n_products, n_inputs)
    edge_weight,  # IN (n_edge_products, n_units)
    children,  # IN (n_edges,)
    offsets,  # IN (n_offsets,)
    parents,  # IN (n_nodes,)
    numbers,  # IN (n_nodes,)
    nodes,  # IN (n_nodes,)
    runs,  # IN (n_run_offsets,)
    blocks,  # IN (n_block_offsets,)
    gates,  # IN (n_gated, n_gates)
    forget,  # IN (n_gated, n_units)
    states,  # IN (n_nodes, n_units)
    cells,  # IN (n_gated, n_units)
    gradient,  # OUT (n_nodes, n_sums)
    by_products,  # OUT (n_inner, n_products)
    by_forget,  # OUT (n_gated, n_units)
    by_states,  # INOUT (n_nodes, n_units)
    by_cells,  # INOUT (n_gated, n_units)
):
    """Go down through the trees of a forest, from gradients by the states and cells.

    Parameters
    ----------
    kind : int
        As for `forward`.
    composition : int
        As for `forward`.
    weight : (n_products, n_inputs) float array
        As for `forward`.
    edge_weight : (n_edge_products, n_units) float array
        As for `forward`.
    children : (n_edges,) int64 array
        As for `forward`.
    offsets : (n_offsets,) int64 array
        As for `forward`.
    parents : (n_nodes,) int64 array
        As for `forward`.
    numbers : (n_nodes,) int64 array
        As for `forward`.
    nodes : (n_nodes,) int64 array
        As for `forward`.
    runs : (n_run_offsets,) int64 array
        As for `forward`.
    blocks : (n_block_offsets,) int64 array
        As for `forward`.
    gates : (n_gated, n_gates) float array
        As `forward` wrote them.
    forget : (n_gated, n_units) float array
        As `forward` wrote them.
    states : (n_nodes, n_units) float array
        As `forward` wrote them.
    cells : (n_gated, n_units) float array
        As `forward` wrote them.
    gradient : (n_nodes, n_sums) float array
        Written: the gradient by the sums over inputs.
    by_products : (n_inner, n_products) float array
        Written: the gradient by products with `weight`, in the order of `numbers`.
    by_forget : (n_gated, n_units) float array
        Written: the gradient by the sums of what the node above forgets the cell of each node by;
        0 for roots.
    by_states : (n_nodes, n_units) float array
        Gradient by the states, each as a result. Written over: what also comes through the nodes
        above is added.
    by_cells : (n_gated, n_units) float array
        Likewise by the cells.
    """
    n, n_sums = states.shape[1], gradient.shape[1]
    panels, edge_panels = packed(weight), packed(edge_weight)
    pitch = padded(weight.shape[1], weight)
    edge_pitch = padded(n, weight) if edge_weight.shape[0] > 0 else 0
    zeros = np.zeros(block_cols(weight), weight.dtype)
    all_gates, all_forget, all_states = gates.reshape(-1), forget.reshape(-1), states.reshape(-1)
    all_cells, all_gradient = cells.reshape(-1), gradient.reshape(-1)
    all_by_products, all_by_forget = by_products.reshape(-1), by_forget.reshape(-1)
    all_by_states, all_by_cells = by_states.reshape(-1), by_cells.reshape(-1)
    for block in prange(blocks.size - 1):
        _backward_block(
            block, kind, composition, panels, edge_panels, children, offsets, parents, numbers,
            nodes, runs, blocks, n, n_sums, weight.shape[0], pitch, edge_pitch, zeros, all_gates,
            all_forget, all_states, all_cells, all_gradient, all_by_products, all_by_forget,
            all_by_states, all_by_cells,
        )  # fmt: skip
