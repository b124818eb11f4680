"""Benchmarks: ratios between sides that run in the same process or on the same file, never limits in seconds."""
