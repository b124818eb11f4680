"""The page in a real browser; the tests skip where none is installed."""
