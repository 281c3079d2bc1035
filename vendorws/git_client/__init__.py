"""git and ssh as programs: how they are started, what they say, and how they end."""
