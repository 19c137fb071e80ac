"""How the states of children come together, and the order of gates.

Cells are the plain ones and the LSTM of `kernels.recurrent.forms`. Rows of gates, of weights and of
biases are one after the other: of a plain cell the value that units go to, of an LSTM input,
output, new value, and what to forget by. Weights of states have a gate to forget by for each place
of a child, where children have places, and otherwise one for all.
"""

CHILD_SUM, N_ARY = range(2)
