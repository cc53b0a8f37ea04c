"""The shape of a suite file, and how it is read."""
