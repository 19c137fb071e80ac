"""Settings of all tests."""

import os

# Workers share the cores. Threads that wait without sleeping would take them from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
