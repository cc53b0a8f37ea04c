"""What training and evaluating take of the memory, from a model's shape."""
