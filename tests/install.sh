#!/bin/bash
# install: `make install` puts everything in its place, and the examples of the documents work with
# what it installed: C compiles with the installed header and the flags of pollux-app.pc, PHP and
# Python are well formed.  Prints a line for each failure, then `N passed, N failed`.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh
export PYTHONDONTWRITEBYTECODE=1
unset MAKEFLAGS MFLAGS # `make check` runs this: its jobserver is not ours
prefix=/opt/pollux     # not /usr, whose include folder pkg-config leaves out of its flags

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
to=$folder/root

# --- what is installed, and where

if ! make -s install B="${B:-build}" DESTDIR="$to" PREFIX="$prefix" >"$folder/log" 2>&1; then
	fail "make install: $(cat "$folder/log")"
	tally
	exit
fi
for file in lib/cgi-bin/pollux.fcgi sbin/pollux-wsd sbin/pollux-linkd sbin/pollux-policyd bin/pollux; do
	check "$file is not installed as a program" test -x "$to$prefix/$file"
done
for file in lib/pollux/hello.so share/bash-completion/completions/pollux share/pollux/pollux.php \
	share/pollux/pollux.py share/pollux/pollux.js share/pollux/pollux.d.ts share/doc/pollux/README.md share/doc/pollux/apache-conf/htaccess; do
	check "$file is not installed" test -s "$to$prefix/$file"
done
while IFS= read -r page; do
	check "$page is not installed" cmp "$page" "$to$prefix/share/man/man${page##*.}/${page##*/}"
done < <(git ls-files -co --exclude-standard -- '*.[1-8]')
while IFS= read -r header; do
	check "$header is not installed" cmp "$header" "$to$prefix/$header"
done < <(git ls-files -co --exclude-standard -- 'include/*.h')

# --- the flags that pollux-app.pc gives

# The value of a variable in the file, its own variables replaced.
value() {
	local text name
	text=$(sed -n "s/^$1[=:] *//p" "$to$prefix/lib/pkgconfig/pollux-app.pc")
	while [[ $text =~ \$\{([a-z]+)\} ]]; do
		name=${BASH_REMATCH[1]}
		text=${text//"\${$name}"/$(value "$name")}
	done
	echo "$text"
}

check "pollux-app.pc: prefix is $(value prefix)" test "$(value prefix)" = "$prefix"
check "pollux-app.pc: moduledir has no modules" test -s "$to$(value moduledir)/hello.so"
read -ra flags < <(value Cflags)
flags=("${flags[@]/#-I/-I$to}") # it was installed below $to
if command -v pkg-config >/dev/null; then
	check "pkg-config gives other flags than the file" test "${flags[*]}" = \
		"$(PKG_CONFIG_PATH=$to$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$to \
			pkg-config --cflags pollux-app | sed 's/ *$//')"
fi

# --- the examples

# Write each fenced block of the documents to $folder/NAME.NUMBER.LANGUAGE.
for document in README.md docs/*.md apache-conf/README.md; do
	awk -v name="$folder/$(basename "$document" .md)" -v document="$document" '
		/^```/ && language == "" {
			language = substr($0, 4)
			if (language == "") {
				print "FAIL " document ":" NR ": the block names no language"
				language = "text"
			}
			file = name "." ++number "." language
			next
		}
		/^```$/ { language = ""; next }
		language != "" { print >file }' "$document"
done >"$folder/log"
check "fences" test ! -s "$folder/log"
cat "$folder/log"
sed -n '/^\.Bd/,/^\.Ed/ { /^\.Bd/d; /^\.Ed/q; p }' <(sed -n '/^\.Sh EXAMPLES/,$p' docs/pollux-app.3) \
	>"$folder/pollux-app.1.c"

check "README.md: the example differs from apps/hello/hello.c" \
	cmp "$folder"/README.*.c apps/hello/hello.c
# Of a block in C that includes nothing: it is a part of a module, whose calls must be in the header.
calls() {
	grep -o '\bsio_[a-z0-9_]*(' "$1" | sort -u
}
calls_are_known() {
	local unknown
	unknown=$(comm -23 <(calls "$1") <(calls include/pollux/pollux.h))
	[ -z "$unknown" ] || { echo "pollux.h has no ${unknown//$'\n'/, }" && false; }
}
warn=(-std=c17 -Wall -Wextra -Werror -Wno-unused-parameter)
for file in "$folder"/*.c; do
	name=$(basename "$file")
	if ! grep -q '^#include' "$file"; then
		check "$name" calls_are_known "$file"
		continue
	fi
	check "$name with -Iinclude" \
		"${CC:-cc}" "${warn[@]}" -Iinclude -shared -fPIC -o "$folder/a.so" "$file"
	check "$name with the installed header" \
		"${CC:-cc}" "${warn[@]}" "${flags[@]}" -shared -fPIC -o "$folder/a.so" "$file"
done
for file in "$folder"/*.php; do
	[ "$(head -c 5 "$file")" = '<?php' ] || sed -i '1i <?php' "$file"
	check "$(basename "$file")" php -l "$file"
done
for file in "$folder"/*.py; do
	check "$(basename "$file")" python3 -c \
		'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
done

tally
