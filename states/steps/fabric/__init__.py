"""What the instances of a host share: devices, rules, DHCP. A step here works on a Fabric instead of an Instance."""
