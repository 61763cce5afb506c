# JSON, or YAML as far as cloud-init's files need it, as lines PATH=VALUE: `links/0/mtu=1500`.
function emit(path, value) {
    gsub(/[\r\n]+/, " ", value)
    print substr(path, 2) "=" value
}

function blanks() {
    while (at <= size && index(" \t\r\n", character[at])) at++
}

function scalar(ends,    quote, out) {
    out = ""
    if (character[at] == "\"" || character[at] == "'") {
        quote = character[at++]
        while (at <= size && character[at] != quote) {
            if (character[at] == "\\" && quote == "\"" && character[++at] == "n") character[at] = "\n"
            out = out character[at++]
        }
        at++
        return out
    }
    while (at <= size && !index(ends, character[at])) out = out character[at++]
    sub(/[ \t\r\n]+$/, "", out)
    return out
}

# the value that begins at `at`
function flow(path,    key, number, end) {
    blanks()
    if (character[at] != "{" && character[at] != "[") {
        emit(path, scalar(",]}"))
        return
    }
    end = character[at++] == "{" ? "}" : "]"
    number = 0
    for (blanks(); at <= size && character[at] != end; blanks()) {
        if (end == "}") { key = scalar(":"); blanks(); at++ } else key = number++
        flow(path "/" key)
        blanks()
        if (character[at] == ",") at++
    }
    at++
}

function begin(text) {
    size = split(text, character, "")
    at = 1
}

# what stands behind a key or a dash
function value(path, text) {
    begin(text)
    flow(path)
}

function line(indent, text, parent,    key, path) {
    if (match(text, /^("[^"]*"|'[^']*'|[^][{}"' ][^:]*):( +|$)/)) {
        key = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        sub(/: *$/, "", key)
        gsub(/^["']|["']$/, "", key)
        path = parent "/" key
        if (text != "") { value(path, text); return }
        depth++
        where[depth] = path; column[depth] = indent; dashed[depth] = 0
    } else value(parent, text)
}

{ whole = whole $0 "\n"; row[NR] = $0 }
END {
    if (whole ~ /^[ \t\r\n]*[{]/) { value("", whole); exit }
    for (number = 1; number <= NR; number++) {
        text = row[number]
        if (text ~ /^ *(#.*)?$/ || text ~ /^---/) continue
        match(text, /^ */)
        indent = RLENGTH
        text = substr(text, indent + 1)
        dash = text ~ /^- /
        # a list may stand as far left as its key
        while (depth && (column[depth] > indent || (column[depth] == indent && (!dash || dashed[depth])))) depth--
        while (text ~ /^- /) {
            parent = depth ? where[depth] : ""
            depth++
            where[depth] = parent "/" (count[parent]++ + 0); column[depth] = indent; dashed[depth] = 1
            match(text, /^- +/)
            indent += RLENGTH
            text = substr(text, RLENGTH + 1)
        }
        line(indent, text, depth ? where[depth] : "")
    }
}
