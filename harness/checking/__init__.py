"""Data checks: which ones are done, how they are done over tables, and the remedies that are safe."""
