"""The command line: each verb of the API, same names, same options."""

from __future__ import annotations


def main() -> None:
    """Run ``pellucid``; the exit code says how it went (see ``pellucid --help``)."""
    try:
        from pellucid.cli.app import run

        run()
    except KeyboardInterrupt:  # before the command line could take it
        raise SystemExit(130) from None
