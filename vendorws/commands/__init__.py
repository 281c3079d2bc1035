"""One module a verb: options in, one call, report out."""
