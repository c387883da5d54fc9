"""Showing: one picture per kind of explanation, and how it becomes a file.

Altair is imported when the first chart is made, not before.
"""

from pellucid.display.export import save, to_html, to_json, to_png, to_svg
from pellucid.display.show import kinds, show

__all__ = ["kinds", "save", "show", "to_html", "to_json", "to_png", "to_svg"]
