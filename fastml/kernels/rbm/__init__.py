"""Restricted Boltzmann machines: Gibbs half-steps, free energies, training."""
