"""Rows in, samples and training rows out."""
