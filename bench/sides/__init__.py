"""The two programs that ``bench/scoring.py`` runs, each in a process of its own."""
