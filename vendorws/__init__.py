"""vendorws: requirements.txt as the one source of truth for a vendor workspace."""

__version__ = "0.1.0"
