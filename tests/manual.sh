#!/bin/bash
# manual: the pages are well formed, and say of every key of the configuration and of every option
# what it does, and of no other.  Prints a line for each thing that is wrong, then
# `N passed, N failed`.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
passed=0 failed=0

fail() {
	echo "FAIL $1"
	failed=$((failed + 1))
}

# same WHAT FILE1 FILE2: the two list the same lines; or say which one has what alone.
same() {
	local line
	if cmp -s "$2" "$3"; then
		passed=$((passed + 1))
		return
	fi
	while IFS= read -r line; do
		fail "$1: only in $(basename "$2"): $line"
	done < <(comm -23 "$2" "$3")
	while IFS= read -r line; do
		fail "$1: only in $(basename "$3"): $line"
	done < <(comm -13 "$2" "$3")
}

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# --- pollux.conf(5) and the table of shared/base/config.c

sed -nE 's/^\t\{"([a-z]+)", "([a-z_]+)", KIND_.*/\1 \2/p' shared/base/config.c | sort >"$folder/config.c"
awk '/^\.Ss \[/ { section = substr($2, 2, length($2) - 2) }
	/^\.Sh / { section = "" }
	section != "" && /^\.It Cm / { print section, $3 }' docs/pollux.conf.5 | sort >"$folder/pollux.conf.5"
[ -s "$folder/config.c" ] || fail "no keys found in shared/base/config.c"
same "keys" "$folder/config.c" "$folder/pollux.conf.5"

while IFS= read -r line; do
	fail "docs/pollux.conf.5: no default: $line"
done < <(awk '/^\.It Cm |^\.El/ { if (key != "" && !said) print key; key = "" }
	/^\.It Cm / { key = $3; said = 0 }
	/^Default:/ { said = 1 }' docs/pollux.conf.5)

# --- the page of each program and the table of their options

for page in fcgi/pollux.fcgi.8 wsd/pollux-wsd.8 policyd/pollux-policyd.8; do
	sed -nE "s/^ *\{\"([a-z-]+)\", '(.)', .*/\2 \1/p" shared/base/daemon.c | sort >"$folder/options.c"
	sed -nE 's/^\.It Fl (.)( Ar [a-z]+)? , Fl -([a-z-]+).*/\1 \3/p' "$page" |
		grep -vE '^\\|^V ' | sort >"$folder/$(basename "$page")"
	same "$page: options" "$folder/options.c" "$folder/$(basename "$page")"
done

# --- form

if command -v mandoc >/dev/null; then
	while IFS= read -r page; do
		if said=$(mandoc -Tlint -W warning "$page" 2>&1); then
			passed=$((passed + 1))
		else
			fail "$said"
		fi
	done < <(git ls-files -co --exclude-standard -- '*.[1-8]')
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
