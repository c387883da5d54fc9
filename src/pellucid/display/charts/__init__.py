"""One picture per file; the folder is the registry.

A file holds ``TAKES``, what kinds of explanation it draws, and ``chart(explanation, *, …)``, which
returns an Altair chart. A file whose ``TAKES`` is empty draws plain arrays.
"""
