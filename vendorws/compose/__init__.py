"""Docker Compose: what a project says, and the mounts that are written for it."""
