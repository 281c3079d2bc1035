"""Images and what is hidden in their layers."""
