"""`python -m platonica`: the command line."""

from platonica.cli import main

if __name__ == "__main__":
    main()
