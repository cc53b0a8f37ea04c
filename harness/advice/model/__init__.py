"""A model's shape, from its configuration and the headers of its weights."""
