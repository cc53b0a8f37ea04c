"""Method and hyperparameters, each value with its sources."""
