#!/bin/bash
# names: whoever looks for a name with grep or ctags lands in one place.  No two functions, and no
# two structs or enums, share a name (static ones included); a section rule is one line, and no line
# is longer than 100 columns; includes are sorted.  README's tour names every folder of sources, and no file that is gone.
#
#	tests/names.sh            look at the tree and try ourselves out: a line for each violation,
#	                          then `N passed, N failed`
#
# The exit status is 0 if nothing failed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh

# The C files of the programs under $1.
sources() {
	(cd "$1" && find shared fcgi wsd linkd policyd cli include -name '*.[ch]' 2>/dev/null | sort)
}

# Print `function NAME file:line` or `struct NAME file:line` for every definition in the files on
# standard input, which lie under $1.  By the tree's style the name of a function begins its line.
definitions() {
	(cd "$1" && xargs -r awk '
	FNR == 1 { before = ""; pending = "" }
	/^[a-z_][a-z0-9_]*\(/ && before !~ /;$/ {
		pending = $0; sub(/\(.*/, "", pending); at = FILENAME ":" FNR
		if ($0 ~ /;$/) pending = ""
	}
	/^\{/ && pending != "" { print "function", pending, at; pending = "" }
	/;$/ && pending != "" { pending = "" }
	/^(typedef |static |const )*(struct|enum|union) [a-z_0-9]+ \{/ {
		match($0, /(struct|enum|union) [a-z_0-9]+ \{/)
		split(substr($0, RSTART, RLENGTH), word, " ")
		print "struct", word[2], FILENAME ":" FNR
	}
	{ before = $0 }')
}

# Read the lines of definitions() and print the names that are defined twice.
shared_names() {
	awk '
	$2 == "main" { next }
	{ key = $1 " " $2; where[key] = where[key] " " $3; n[key]++ }
	END { for (key in n) if (n[key] > 1) print key ": defined at" where[key] }' | sort
}

# Print the lines that are too long, section rules that are torn, and includes out of order, of the
# files on standard input.
layout() {
	(cd "$1" && xargs -r awk '
	/clang-format off/ { wide = 1 }
	/clang-format on/ || FNR == 1 { wide = 0 } # a table may be wide
	!wide {
		columns = 0
		for (i = 1; i <= length($0); i++)
			columns += substr($0, i, 1) == "\t" ? 8 - columns % 8 : 1
		if (columns > 100) print FILENAME ":" FNR ": " columns " columns"
	}
	/\/\* --- .*-$/ { print FILENAME ":" FNR ": a section rule is one line" }
	FNR == 1 { line = 0 }
	/^#include / {
		if (line > 0 && FNR == line + 1 && $2 < last) print FILENAME ":" FNR ": " $2 " comes before " last
		last = $2; line = FNR
	}')
}

# Print what README's tour under $1 names that is not there, and the folders it leaves out.
tour() {
	local text name
	[ -e "$1/README.md" ] || return 0
	text=$(sed -n '/^## A tour/,/^## L/p' "$1/README.md")
	while IFS= read -r name; do
		[ -e "$1/$name" ] || [ -n "$(cd "$1" && find ./*/ -path "*/$name" -print -quit)" ] ||
			echo "README.md: the tour names $name, which is not there"
	done < <(grep -oE '`[a-zA-Z_/.-]+(\.[chs][a-z]*|/)`' <<<"$text" | tr -d '`' | sort -u)
	while IFS= read -r name; do
		[[ $text == *"$name/"* ]] || echo "README.md: the tour leaves out $name/"
	done < <(cd "$1" && find shared fcgi wsd linkd policyd cli include -name '*.[ch]' 2>/dev/null |
		sed 's|/[^/]*$||' | sort -u)
}

check() {
	tour "$1"
	sources "$1" | definitions "$1" | shared_names
	sources "$1" | layout "$1"
}

self_test() {
	local planted
	tree=$(mktemp -d) || return 1
	trap 'rm -rf "$tree"' EXIT
	mkdir -p "$tree/wsd" "$tree/fcgi" "$tree/shared/hub"
	printf 'static int\nfind(int a)\n{\n}\n' | tee "$tree/wsd/one.c" >"$tree/fcgi/two.c"
	printf 'static int\nfind(int a);\n\nstruct row {\n};\n' >"$tree/shared/hub/x.h"
	printf 'struct row {\n};\n/* --- torn -----\n */\n' >"$tree/shared/hub/one.c"
	printf '\t\t%095d\n' 0 >"$tree/shared/hub/wide.c"
	printf '#include <b.h>\n#include <a.h>\n\n#include <a.h>\n' >"$tree/shared/hub/order.c"
	printf '## A tour\n`wsd/`, `wsd/three.c`, `shared/hub/`\n## L\n' >"$tree/README.md"
	planted=$(check "$tree")
	found 'function find: defined at fcgi/two.c:2 wsd/one.c:2' "$planted"
	found 'struct row: defined at shared/hub/one.c:1 shared/hub/x.h:4' "$planted"
	found 'shared/hub/wide.c:1: 111 columns' "$planted"
	found 'shared/hub/one.c:3: a section rule is one line' "$planted"
	found 'shared/hub/order.c:2: <a.h> comes before <b.h>' "$planted"
	found 'the tour names wsd/three.c, which is not there' "$planted"
	found 'the tour leaves out fcgi/' "$planted"
	if [ "$(wc -l <<<"$planted")" -eq 7 ]; then
		pass
	else
		fail "the test itself: wrongly found: $planted"
	fi
}

none "$(check .)"
self_test
tally
