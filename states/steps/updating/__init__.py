"""What of a running guest is changed without a reboot."""
