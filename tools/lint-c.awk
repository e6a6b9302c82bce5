# SPDX-License-Identifier: Apache-2.0
#
# C sources and tables. First reads src/LAYERS and tools/limits, then every file. Comments and strings
# are blanked before calls are looked for; function bodies are found by kernel formatting, where a
# function, and nothing else, opens with `{` in column one.

function problem(line, text)
{
	printf "%s:%d: %s\n", FILENAME, line, text
	bad = 1
}

FILENAME == "src/LAYERS" {
	if ($0 ~ /^#/ || NF == 0)
		next
	layer = $1
	sub(/:$/, "", layer)
	known[layer] = 1
	allowed[layer, layer] = 1
	for (i = 2; i <= NF; i++) {
		if (!($i in known))
			problem(FNR, "'" $i "' does not stand below '" layer "'")
		allowed[layer, $i] = 1
	}
	next
}

FILENAME == "tools/limits" {
	if ($1 == "file")
		file_limit[$2] = $3
	else if ($1 == "function")
		function_limit[$2] = $3
	else if ($1 == "contract")
		contract[$2] = 1
	else if ($1 == "call")
		may_call[$2, $3] = 1
	else if ($1 != "globals" && $0 !~ /^#/ && NF)
		problem(FNR, "unknown kind of row")
	next
}

function finish_file()
{
	if (last == "" || last ~ /\.def$/)
		return
	if (lines > limit) {
		printf "%s:%d: %d lines, at most %d\n", last, lines, lines, limit
		bad = 1
	}
}

FNR == 1 {
	finish_file()
	last = FILENAME
	count = split(FILENAME, part, "/")
	base = part[count]
	layer = part[1] == "src" ? part[2] : ""
	library = layer != "" && layer != "cli"
	limit = FILENAME in file_limit ? file_limit[FILENAME] : 800
	if (FILENAME == "src/" layer "/" layer ".h" && !(FILENAME in file_limit))
		limit = 300
	comment = body = 0
	name = ""
	if (layer != "" && !(layer in known))
		problem(1, "the folder '" layer "' is not in src/LAYERS")
	if (layer != "" && base != "internal.h" && base != "errors.def") {
		# the files of one CPU have twins in the folder of another
		place = layer == "jit" && count == 4 ? part[3] : ""
		if (base in first_of && (place == "" || place_of[base] == "" || place_of[base] == place))
			problem(1, "the name is taken by " first_of[base])
		first_of[base] = FILENAME
		place_of[base] = place
	}
}

{ lines = FNR }

/^[ \t]*#[ \t]*include[ \t]*"/ && layer != "" {
	path = $0
	sub(/^[^"]*"/, "", path)
	sub(/".*/, "", path)
	includes(path)
}

function includes(path,    n, to, folder, file)
{
	n = split(path, to, "/")
	folder = to[1]
	file = to[n]
	if (folder == "skep")
		return
	if (n < 2 || !(folder in known)) {
		problem(FNR, "include \"" path "\" by its folder, as \"" layer "/" path "\"")
		return
	}
	if (!((layer, folder) in allowed))
		problem(FNR, "'" layer "' may not include '" folder "' (src/LAYERS)")
	else if (folder != layer && folder != "base" && path !~ /\.def$/ &&
		 path != folder "/" folder ".h" && !(path in contract))
		problem(FNR, "only " folder "/" folder ".h is for other folders")
	if (folder != layer && file == "errors.def")
		problem(FNR, "the errors of '" folder "' are its own")
}

# Blanks comments and strings of the line, in `code`.
{
	code = $0
	if (comment) {
		if (!match(code, /\*\//))
			code = ""
		else {
			code = substr(code, RSTART + 2)
			comment = 0
		}
	}
	if (code ~ /["'\/]/) {
		gsub(/\\./, "", code)
		gsub(/"[^"]*"/, "S", code)
		gsub(/'[^']*'/, "0", code)
		gsub(/\/\*([^*]|\*[^\/])*\*\//, " ", code)
		sub(/\/\/.*/, "", code)
		if (match(code, /\/\*/)) {
			code = substr(code, 1, RSTART - 1)
			comment = 1
		}
	}
}

function ban(names, why,    rest, found)
{
	rest = code
	while (match(rest, "(^|[^A-Za-z0-9_>.])(" names ")[ \t]*\\(")) {
		found = substr(rest, RSTART, RLENGTH)
		gsub(/[^A-Za-z0-9_]/, "", found)
		if (!((FILENAME, found) in may_call))
			problem(FNR, "'" found "': " why)
		rest = substr(rest, RSTART + RLENGTH)
	}
}

code ~ /\(/ && layer != "" {
	ban("strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|strncpy|strncat|atoi|atol|atoll",
	    "banned: it cannot be used safely")
	if (library)
		ban("printf|vprintf|fprintf|vfprintf|dprintf|puts|fputs|putchar|perror|exit|abort|err|errx|warn|warnx",
		    "the library never prints and never exits")
}

layer != "" && layer != "isa" && code ~ /(->|\.)(code|opcode)[ \t]*[=!&|]+[ \t]*0[xX][0-9a-fA-F]+/ {
	problem(FNR, "an opcode as a number: isa.def names them all")
}

# Error rows: one meaning an id, wording as people read it.
base == "errors.def" && /^ERR\(/ {
	count = split($0, part, "\"")
	if (count < 5 || part[2] !~ /^[A-Z][0-9][0-9][0-9][0-9]$/)
		problem(FNR, "a row is ERR(NAME, \"X0000\", ERRNO, \"problem\")")
	if (part[2] in id_of)
		problem(FNR, part[2] " is taken by " id_of[part[2]])
	id_of[part[2]] = FILENAME ":" FNR
	if (part[4] ~ /^[A-Z][a-z]|\.$|^$/)
		problem(FNR, "the problem starts in lower case and has no full stop")
}

# Function lengths. The name is the last word before a parenthesis in the lines since the last body.
code ~ /^[A-Za-z_].*\(/ && !body {
	name = code
	sub(/\(.*/, "", name)
	if (name ~ /__attribute__$/) {
		name = code
		sub(/^__attribute__[ \t]*\(\(.*\)\)[ \t]*/, "", name)
		sub(/\(.*/, "", name)
	}
	sub(/[ \t]+$/, "", name)
	sub(/.*[^A-Za-z0-9_]/, "", name)
}
/^\{/ { body = FNR }
/^\}/ && body {
	long = FNR - body - 1
	most = (FILENAME ":" name) in function_limit ? function_limit[FILENAME ":" name] : 60
	if (long > most)
		problem(body, "the function '" name "' has " long " lines, at most " most)
	body = 0
}

END { finish_file(); exit bad }
