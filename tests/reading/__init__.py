"""Tests of inputs, grammars and both reading engines."""
