"""The proof that what a container runs is what is edited."""
