"""Prompt, retrieve, tune, distil or pretrain: from a situation to one recommendation."""
