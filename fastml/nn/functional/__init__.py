"""Functions of networks, on arrays and on variables of the graph, named and ordered as PyTorch's."""
