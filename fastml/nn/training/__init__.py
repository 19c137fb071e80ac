"""The training loop that all networks share."""
