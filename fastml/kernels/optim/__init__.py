"""Steps of gradient descent, each one pass over parameters, gradient and state."""
