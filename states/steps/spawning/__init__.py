"""From files to a running domain."""
