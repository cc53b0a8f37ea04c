"""What tuning and serving cost, and where one is the cheaper."""
