"""Networks: layers, their functions, optimisers and the training loop."""
