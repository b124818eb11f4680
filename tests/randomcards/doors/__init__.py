"""Back doors and accidents, by kind; importing the package registers them all."""

from . import accidents, aliases, leaks, mirrors, multi_windows, odd_windows, sinks, vga, windows

__all__ = ["accidents", "aliases", "leaks", "mirrors", "multi_windows", "odd_windows", "sinks", "vga", "windows"]
