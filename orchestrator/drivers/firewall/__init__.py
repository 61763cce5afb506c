"""Security groups and anti-spoofing as rules of a host's packet filters (neutron 22 iptables_firewall.py, arp_protect.py): what a fabric wants, and
what of that is to be changed where something is found. Wanted rules are written as `iptables-save` and `ebtables-save` write them.
"""
