"""How the states of children come together, and the order of gates.

Cells are the plain ones and the LSTM of `kernels.recurrent.forms`. Rows of gates, of weights and of
biases are one after the other: of a plain cell the value that units go to, of an LSTM input, output,
new value, and the gates to forget by. Of those there is one for all children where states are
added up, and one for each place of a child otherwise.
"""

CHILD_SUM, N_ARY = range(2)
