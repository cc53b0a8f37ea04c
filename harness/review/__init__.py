"""What people are asked: two answers side by side, or a row of training data. Screens and pages draw it elsewhere."""
