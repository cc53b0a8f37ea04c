"""New rows out of old ones, written by a model, filtered, and marked for a person to look at."""
