"""Tests of `quirkfinder.counting`."""
