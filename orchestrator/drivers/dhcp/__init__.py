"""What a network with DHCP or NAT is given on each host: a namespace of its own, a dnsmasq in it, a way out."""
