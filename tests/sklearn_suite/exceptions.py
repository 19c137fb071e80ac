"""Tests of scikit-learn's that fastml does not pass, each with the reason.

Only a test that relies on something private of scikit-learn's may be here. A key is a test's id as
pytest prints it, with or without its bracketed parameters. Listed tests still run and must fail:
one that passes has to leave the list.
"""

EXCEPTIONS: dict[str, str] = {}
