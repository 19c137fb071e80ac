"""scikit-learn's own tests, run with fastml's classes in the place of scikit-learn's.

``python -m tests.sklearn_suite [names]`` runs all rows of `table.py`, or those named.
"""
