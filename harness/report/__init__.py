"""What a person reads: functions from values to what rich can draw, to JSON and to Markdown; no effects here."""
