"""The findings as one HTML page that stands alone: no reference to anything outside, readable without JavaScript."""

from quirkfinder.rendering.page.html import MOST_BYTES, html

__all__ = ["MOST_BYTES", "html"]
