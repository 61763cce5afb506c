# What a drive says about the network, as guest-flatten.awk prints it (network_data.json, or cloud-init's network-config version 2), in lines:
# MAC mtu BYTES | MAC address ADDRESS/PREFIX | MAC route DESTINATION GATEWAY | MAC dhcp
function bits(mask,    count, number, part, parts) {
    count = 0
    if (index(mask, ":")) {
        parts = split(tolower(mask), part, "")
        for (number = 1; number <= parts; number++) if (index("8cef", part[number])) count += index("8cef", part[number])
    } else {
        parts = split(mask, part, ".")
        for (number = 1; number <= parts; number++) for (; part[number] > 0; part[number] = (part[number] * 2) % 256) count++
    }
    return count
}

function say(mac, verb, words) {
    if (mac != "") print tolower(mac), verb (words == "" ? "" : " " words)
}

function route(mac, destination, gateway) {
    if (gateway != "") say(mac, "route", (destination ~ /^(0\.0\.0\.0|::)\/0$/ ? "default" : destination) " " gateway)
}

{
    split_at = index($0, "=")
    path = substr($0, 1, split_at - 1)
    has[path] = substr($0, split_at + 1)
    if (split(path, part, "/") > 2 && part[1] == "ethernets" && !(part[2] in known)) { known[part[2]] = 1; ethernet[ethernets++] = part[2] }
}
END {
    for (n = 0; ((at = "links/" n) "/id") in has; n++) {
        macs[has[at "/id"]] = has[at "/ethernet_mac_address"]
        if (has[at "/mtu"] + 0) say(has[at "/ethernet_mac_address"], "mtu", has[at "/mtu"])
    }
    for (n = 0; ((at = "networks/" n) "/link") in has; n++) {
        mac = macs[has[at "/link"]]
        if (has[at "/type"] ~ /^ipv4_?dhcp/) say(mac, "dhcp")
        if (!((at "/ip_address") in has)) continue
        mask = has[at "/netmask"]
        say(mac, "address", has[at "/ip_address"] (has[at "/ip_address"] ~ /\// ? "" : "/" (mask ~ /[.:]/ ? bits(mask) : mask)))
        for (r = 0; ((to = at "/routes/" r) "/gateway") in has; r++)
            route(mac, has[to "/network"] "/" bits(has[to "/netmask"]), has[to "/gateway"])
    }
    for (n = 0; n < ethernets; n++) {
        at = "ethernets/" ethernet[n]
        mac = has[at "/match/macaddress"]
        if (has[at "/mtu"] + 0) say(mac, "mtu", has[at "/mtu"])
        if (has[at "/dhcp4"] == "true") say(mac, "dhcp")
        for (r = 0; (to = at "/addresses/" r) in has; r++) say(mac, "address", has[to])
        route(mac, "default", has[at "/gateway4"])
        route(mac, "default", has[at "/gateway6"])
        for (r = 0; ((to = at "/routes/" r) "/to") in has; r++) route(mac, has[to "/to"], has[to "/via"])
    }
}
