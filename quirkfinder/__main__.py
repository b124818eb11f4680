"""`python -m quirkfinder` is the `quirkfinder` command."""

from quirkfinder.cli.main import program

if __name__ == "__main__":
    raise SystemExit(program())
