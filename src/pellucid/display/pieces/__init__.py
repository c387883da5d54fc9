"""What is text rather than a chart: token strips, tables, trees and image overlays as HTML.

Each piece is one fragment that stands alone and fetches nothing. A page with many of them makes
them with ``styled=False`` and takes their style once, from `pellucid.display.pieces.page.style`.
"""
