"""What the tests stand on: a sealed machine, real git remotes, a real ssh server, and witnesses from outside."""
