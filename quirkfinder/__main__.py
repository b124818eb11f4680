"""`python -m quirkfinder` is the `quirkfinder` command."""

from quirkfinder.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
