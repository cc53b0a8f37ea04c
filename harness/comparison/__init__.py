"""Numbers in, numbers out: the paired statistics behind every interval, delta and verdict; pure, no effects."""
