#!/bin/bash
# links: who calls whom, read from the object files.  No two files of a folder call each other in a
# circle, calls between tiers go down only, and what a file exports carries the file's name.
#
#	tests/links.sh BUILD      look at the objects under BUILD and try ourselves out: a line for each
#	                          violation, then `N passed, N failed`
#
# The exit status is 0 if nothing failed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh
folders='shared/base shared/wire shared/store shared/hub shared/action shared/app shared/hook
	shared/transport fcgi wsd linkd policyd cli'

# Print `folder file name kind` for every symbol of the objects under $1 whose source is under $2; the
# kind is `has` for one that others may use, and `uses` for one that comes from elsewhere.
symbols() {
	local folder object
	for folder in $folders; do
		for object in "$1/$folder"/*.o; do
			[ -e "$2/$folder/$(basename "$object" .o).c" ] || continue # an old build's
			nm "$object" | awk -v folder="$folder" -v file="$(basename "$object" .o)" '
			$NF == "argp_program_version" { next } # it is libc that looks this up
			$(NF - 1) == "U" { print folder, file, $NF, "uses" }
			$(NF - 1) ~ /^[TDBRCVW]$/ { print folder, file, $NF, "has" }'
		done
	done
}

# Read the lines of symbols() and print the calls: `folder file folder file name`.
calls() {
	awk '
	$4 == "has" { home[$3] = home[$3] " " $1 "/" $2 }
	$4 == "uses" { use[++n] = $1 " " $2 " " $3 }
	END {
		for (i = 1; i <= n; i++) {
			split(use[i], u, " ")
			m = split(home[u[3]], homes, " ")
			if (m == 0) continue
			own = ""
			for (k = 1; k <= m; k++) # two programs may each have one of this name
				if (index(homes[k], u[1] "/") == 1) own = homes[k]
			if (own == "") own = homes[1]
			folder = own; sub(/\/[^\/]*$/, "", folder)
			file = own; sub(/.*\//, "", file)
			print u[1], u[2], folder, file, u[3]
		}
	}'
}

# Read the lines of calls() and print those that go up.
upward() {
	awk '
	BEGIN {
		n = split("base wire store hub action app transport", order)
		for (i = 1; i <= n; i++) tier["shared/" order[i]] = i
		tier["shared/hook"] = tier["shared/app"]
	}
	$1 == $3 { next }
	!($1 in tier) && $3 in tier { next } # a program calls whatever is shared
	!($3 in tier) { print $1 "/" $2 ": calls " $5 "() of the program in " $3; next }
	tier[$3] > tier[$1] { print $1 "/" $2 ": calls " $5 "() above it, in " $3; next }
	tier[$3] == tier[$1] { print $1 "/" $2 ": calls " $5 "() beside it, in " $3 }'
}

# Read the lines of calls() and print a line for each folder whose files call each other in a circle.
circles() {
	local lines folder loop
	lines=$(cat)
	for folder in $folders; do
		loop=$(awk -v f="$folder" '$1 == f && $3 == f && $2 != $4 { print $2, $4 }' <<<"$lines" |
			sort -u | tsort 2>&1 >/dev/null | sed -n 's/^tsort: //p' | grep -v ' ' | sort -u | paste -sd' ')
		[ -z "$loop" ] || echo "$folder: these call each other in a circle: $loop"
	done
}

# Read the lines of symbols() and print the exports that do not begin with FILE_ or FOLDER_FILE_, so
# that a name tells where it is defined.  A file that is named like its folder may use either.
misnamed() {
	awk '
	$4 == "has" {
		folder = $1; sub(/.*\//, "", folder)
		both = folder "_" $2
		if ($3 == $2 || index($3, $2 "_") == 1) next
		if ($3 == both || index($3, both "_") == 1) next
		if ($3 == "main") next
		if ($3 ~ /^__/) next # of the sanitizers
		print $1 "/" $2 ": exports " $3 ", which is not named after the file"
	}'
}

# --- the test of the test: objects with each kind of violation ---------------------------------

# plant FOLDER FILE TEXT: compile TEXT to an object under $tree
plant() {
	mkdir -p "$tree/$1"
	echo "$3" >"$tree/$1/$2.c"
	"${CC:-cc}" -c -o "$tree/$1/$2.o" "$tree/$1/$2.c"
}

self_test() {
	tree=$(mktemp -d) || return 1
	trap 'rm -rf "$tree"' EXIT
	plant shared/hub one 'void two_go(void); void one_go(void) { two_go(); }'
	plant shared/hub two 'void one_go(void); void two_go(void) { one_go(); }'
	plant shared/base low 'void one_go(void); void low_go(void) { one_go(); }'
	plant shared/app side 'void side_go(void) { }'
	plant shared/hook beside 'void side_go(void); void beside_go(void) { side_go(); }'
	plant shared/wire odd 'void even_go(void) { } void wire_odd_go(void) { } int odd_table = 1;'
	symbols "$tree" "$tree" >"$tree/symbols"
	found 'shared/hub: these call each other in a circle: one two' "$(calls <"$tree/symbols" | circles)"
	found 'shared/base/low: calls one_go() above it' "$(calls <"$tree/symbols" | upward)"
	found 'shared/hook/beside: calls side_go() beside it' "$(calls <"$tree/symbols" | upward)"
	found 'shared/wire/odd: exports even_go' "$(misnamed <"$tree/symbols")"
	none "$(misnamed <"$tree/symbols" | grep -v even_go)"
}

if [ $# -ne 1 ]; then
	echo "usage: tests/links.sh BUILD" >&2
	exit 64
fi
all=$(symbols "$1" .)
[ -n "$all" ] || fail "links: there are no objects under $1"
none "$(calls <<<"$all" | circles)"
none "$(calls <<<"$all" | upward)"
none "$(misnamed <<<"$all")"
self_test
tally
