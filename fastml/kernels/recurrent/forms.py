"""Kinds of recurrent cells.

Of a cell of n units, rows of gates, of weights and of biases are those of PyTorch, one after the
other: GRU reset, update, new; LSTM input, forget, cell, output. `RNN_TANH` and `RNN_RELU` have one,
the value that units go to: by a share `leak` of the way, which is 1 in a plain network.
"""

RNN_TANH, RNN_RELU, GRU, LSTM = range(4)

N_GATES = {RNN_TANH: 1, RNN_RELU: 1, GRU: 3, LSTM: 4}
