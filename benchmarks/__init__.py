"""How fast vendorws is, held against plain git and against the other tools that PyPI has: `python -m benchmarks`."""
