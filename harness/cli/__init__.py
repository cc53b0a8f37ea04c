"""The commands; every import that costs time stands inside the body that needs it."""
