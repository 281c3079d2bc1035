"""Images built from the checkouts of this machine, without a key."""
