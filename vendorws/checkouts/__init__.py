"""The checkouts: looked at, decided on, moved, and put back."""
