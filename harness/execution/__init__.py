"""Doing what the plan says: training, asking, scoring."""
