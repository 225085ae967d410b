"""`python -m fittingroom`."""

from fittingroom.cli import main

if __name__ == "__main__":
    main()
