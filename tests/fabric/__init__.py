"""What a host's instances share, by this machine's own kernel, in namespaces that are thrown away."""
