#!/bin/bash
# manual: the pages are well formed and complete.  pollux.conf(5) has each setting with the values,
# the default and the range of its row in shared/base/config_table.c; the page of each program has
# each of its options; neither has any other.
#
#	tests/manual.sh             check the pages, then the test itself: a line for each mistake, then
#	                            `N passed, N failed`
#	tests/manual.sh self-test   only plant mistakes and check that they are found
#
# The exit status is 0 if nothing failed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh

table=shared/base/config_table.c
page=docs/pollux.conf.5

# --- pollux.conf(5) and the table of settings ---------------------------------------------------

# Both readers print `section key VALUES default "DEFAULT" RANGE`.  VALUES is seconds, number, the
# words to choose from or text; RANGE, of numbers only, is `from LEAST to MOST`.

table_settings() {
	awk '
	BEGIN {
		values["SECONDS"] = "seconds"
		values["SIZE"] = "number"
		values["COUNT"] = "number | auto"
		values["LIMIT"] = "number | none"
		values["LIMIT_AUTO"] = "number | none | auto"
		values["NUMBER"] = "number"
		values["LEVEL"] = "error | warn | info | debug | trace"
		values["SWITCH"] = "auto | yes | no"
		values["FLAG"] = "true | false"
		values["ACCEPT"] = "refuse | accept"
	}
	# RANGE may name a macro.  Of two definitions the first counts: 64 bits come first.
	/^#define [A-Z]+ +"/ { if (!($2 in macro)) macro[$2] = $3 }
	function text(word) {
		if (word in macro)
			word = macro[word]
		gsub(/"/, "", word)
		return word
	}
	/^\t\{"/ {
		n = split($0, column, /, */)
		kind = column[3]
		sub(/^KIND_/, "", kind)
		match($0, /(FIELD|LIVE)\([a-z_]+\), "[^"]*"/)
		value = substr($0, RSTART, RLENGTH)
		sub(/^[^"]*/, "", value)
		line = text(substr(column[1], 3)) " " text(column[2])
		if (kind == "LIMIT" && value == "\"auto\"")
			kind = "LIMIT_AUTO"
		line = line " " (kind in values ? values[kind] : "text") " default " value
		if (match($0, /RANGE\([^)]*\)/)) {
			split(substr($0, RSTART + 6, RLENGTH - 7), bound, /, */)
			line = line " from " text(bound[1]) " to " text(bound[2])
		}
		print line
	}' "$1" | sort
}

page_settings() {
	awk '
	function finish(value, range) {
		if (key == "")
			return
		# the text after "Default:", without macros
		gsub(/ +\. */, ". ", last)
		gsub(/ +;/, ";", last)
		sub(/^ */, "", last)
		value = last
		sub(/(;| \(|\. |\.$).*/, "", value)
		if (value == "empty")
			value = ""
		if (match(last, /; from [^ ]+ to [^ .;]+/))
			range = substr(last, RSTART + 1, RLENGTH - 1)
		print section, key, values, (said ? "default \"" value "\"" range : "no default")
		key = ""
	}
	/^\.(It|El|Ss|Sh)/ { finish() }
	/^\.Ss \[/ { section = substr($2, 2, length($2) - 2) }
	/^\.Sh / { section = "" }
	section != "" && /^\.It Cm / {
		key = $3
		values = $0
		sub(/^.* No = /, "", values)
		if (!sub(/^Cm /, "", values))
			values = values == "Ar seconds" ? "seconds" : \
			    gsub(/ \| Cm /, " | ", values) ? substr(values, 4) : \
			    values ~ /^Ar (bytes|number)$/ ? "number" : "text"
		said = 0
		last = ""
		next
	}
	/^Default:/ { said = 1 }
	said && /^\.Pp/ { finish() }
	said {
		line = $0
		sub(/^Default:/, "", line)
		sub(/^\.[A-Z][a-z] /, "", line)
		last = last " " line
	}' "$1" | sort
}

# compare_settings TABLE PAGE: print what only one of them has.
compare_settings() {
	comm -3 <(table_settings "$1") <(page_settings "$2") |
		sed -e "s|^\t|only in ${2##*/}: |" -e t -e "s|^|only in ${1##*/}: |"
}

check_settings() {
	[ "$(table_settings "$table" | wc -l)" -gt 50 ] || fail "no settings found in $table"
	none "$(compare_settings "$table" "$page" | sed 's/^/settings: /')"
	[ "$(table_waiting "$table" | wc -l)" -gt 15 ] || fail "no settings that wait in $table"
	none "$(compare_waiting "$table" "$page" | sed 's/^/settings: /')"
}

# Which settings wait for a restart, `section key`: FIELD rather than LIVE in the table, and the list in
# the section CHANGES of the page.

table_waiting() {
	sed -nE 's/^\t\{"([a-z]+)", "([a-z_]+)", KIND_[A-Z]+, FIELD\(.*/\1 \2/p' "$1" | sort
}

page_waiting() {
	awk '
	/^\.Sh / { here = $2 == "CHANGES" }
	here && /^\.It Cm \[/ { section = substr($3, 2, length($3) - 2); next }
	/^\.El/ { section = "" }
	here && section != "" {
		gsub(/,/, "")
		for (i = 1; i <= NF; i++) print section, $i
	}' "$1" | sort
}

compare_waiting() {
	comm -3 <(table_waiting "$1") <(page_waiting "$2") |
		sed -e "s|^\t|waits only in ${2##*/}: |" -e t -e "s|^|waits only in ${1##*/}: |"
}

# --- the page of each program and the table of their options ------------------------------------

# same WHAT FILE1 FILE2: both have the same sorted lines.
same() {
	local line
	if cmp -s "$2" "$3"; then
		pass
		return
	fi
	while IFS= read -r line; do
		fail "$1: only in $(basename "$2"): $line"
	done < <(comm -23 "$2" "$3")
	while IFS= read -r line; do
		fail "$1: only in $(basename "$3"): $line"
	done < <(comm -13 "$2" "$3")
}

check_options() {
	local manual without
	for manual in fcgi/pollux.fcgi.8 wsd/pollux-wsd.8 linkd/pollux-linkd.8 policyd/pollux-policyd.8; do
		without='^$'
		[ "$manual" != linkd/pollux-linkd.8 ] || without='^l ' # it does not listen
		sed -nE "s/^ *\{\"([a-z-]+)\", '(.)', .*/\2 \1/p" shared/base/daemon.c |
			grep -v "$without" | sort >"$folder/options.c"
		sed -nE 's/^\.It Fl (.)( Ar [a-z]+)? , Fl -([a-z-]+).*/\1 \3/p' "$manual" |
			grep -vE '^\\|^V ' | sort >"$folder/$(basename "$manual")"
		same "$manual: options" "$folder/options.c" "$folder/$(basename "$manual")"
	done
}

# --- form ---------------------------------------------------------------------------------------

# swallowed_headings PAGE: headings with an English word that mdoc takes for a macro: "In a cluster"
# comes out as "<a> cluster".
swallowed_headings() {
	grep -E '^\.S[hs] (.* )?(Ad|An|At|Do|Em|In|It|Me|No|On|Op|So|To)( |$)' "$1"
}

check_form() {
	local manual said
	while IFS= read -r manual; do
		none "$(swallowed_headings "$manual" | sed "s|^|$manual: a macro: |")"
	done < <(git ls-files -co --exclude-standard -- '*.[1-8]')
	command -v mandoc >/dev/null || return
	while IFS= read -r manual; do
		if said=$(mandoc -Tlint -W warning "$manual" 2>&1); then
			pass
		else
			fail "$said"
		fi
	done < <(git ls-files -co --exclude-standard -- '*.[1-8]')
}

# --- the test itself ----------------------------------------------------------------------------

self_test() {
	local file edit wanted
	# table or page | a mistake, as a sed script | what must be found
	while IFS='|' read -r file edit wanted; do
		cp "$table" "$folder/table"
		cp "$page" "$folder/page"
		sed -i -E "$edit" "$folder/$file"
		found "$wanted" "$(compare_settings "$folder/table" "$folder/page"
			compare_waiting "$folder/table" "$folder/page")" \
			"$wanted, after $edit in the $file"
	done <<-'PLANTED'
		page|s/^\.It Cm bad_packets /.It Cm worse_packets /|only in table: limits bad_packets number
		page|s/^\.It Cm bad_packets /.It Cm worse_packets /|only in page: limits worse_packets number
		page|/^Default: 25/s/25/26/|only in page: protocol heartbeat_interval seconds default "26"
		page|/^Default: 25/s/2147483/2147484/|heartbeat_interval seconds default "25" from 0.01 to 2147484
		page|/^Default: 25/s/; from.*/./|only in page: protocol heartbeat_interval seconds default "25"
		page|/^Default: 16k/d|only in page: limits header_bytes number no default
		page|/_interval/s/Ar seconds/Ar bytes/|only in page: protocol heartbeat_interval number
		page|/Cm level/s/ . trace$//|only in page: log level error | warn | info | debug default
		page|s/^\.Cm socket\.io/.Cm sockets.io/|only in page: protocol resource text default "sockets.io"
		page|/^Default: /s/empty; /none; /|module text default "none"
		table|/"bad_packets"/d|only in page: limits bad_packets number
		table|/"body_bytes"/s/"1M"/"2M"/|only in table: limits body_bytes number default "2M"
		table|/"body_bytes"/s/"1G"/"2G"/|only in table: limits body_bytes number default "1M" from 1 to 2G
		table|/define LONGEST/s/[0-9]+/9/|only in table: protocol close_timeout seconds default "60" from 0.01 to 9
		table|/"enabled"/s/FLAG/SWITCH/|only in table: publish enabled auto
		table|/"sessions"/s/LIVE/FIELD/|waits only in table: limits sessions
		table|/"resource"/s/FIELD/LIVE/|waits only in page: protocol resource
		page|/^listen, workers/s/, workers//|waits only in table: wsd workers
	PLANTED
	cp "$page" "$folder/page"
	sed -i -E '/^\.Ss \[room\]/s/.*/.Ss In a room/' "$folder/page"
	found '.Ss In a room' "$(swallowed_headings "$folder/page")" 'a heading with a macro'
}

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
case ${1-} in
self-test)
	self_test
	;;
'')
	check_settings
	check_options
	check_form
	self_test
	;;
*)
	echo "usage: tests/manual.sh [self-test]" >&2
	exit 64
	;;
esac
tally
