"""Run the command line as ``python -m ketasim``."""

from ketasim.cli import main

if __name__ == "__main__":
    main()
