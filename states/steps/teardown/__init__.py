"""From a running domain back to files; only remove_directory ends those."""
