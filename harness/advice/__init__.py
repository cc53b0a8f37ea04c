"""What to do before GPU time is spent, reasoned from what is known: pure functions, nothing is opened or asked."""
