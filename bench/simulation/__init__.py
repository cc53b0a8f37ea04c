"""Simulations of the gate's tests through their public functions, for ``bench/levels.py`` and the tests of levels."""
