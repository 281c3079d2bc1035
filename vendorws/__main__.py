"""`python -m vendorws` does what `vendorws` does."""

from vendorws.cli import main

if __name__ == "__main__":
    main()
