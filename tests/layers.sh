#!/bin/bash
# layers: which files may include which.  Folders are tiers, and includes point only downwards; a
# database, an event loop or a loader may be used in one place only.
#
#	tests/layers.sh             check the tree, then the test itself: a line for each violation,
#	                            then `N passed, N failed`
#	tests/layers.sh self-test   only plant each kind of violation and check that it is found
#
# The exit status is 0 if nothing failed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh

# Print `file line kind name` for every #include of the C files under the folder $1; the kind is
# `ours` for "x" and `system` for <x>.
includes() {
	(cd "$1" && find shared fcgi wsd linkd policyd cli apps -name '*.[ch]' 2>/dev/null | sort |
		xargs -r awk '
		match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
			text = substr($0, RSTART, RLENGTH)
			kind = text ~ /"$/ ? "ours" : "system"
			gsub(/^[^<"]*[<"]|[>"]$/, "", text)
			print FILENAME, FNR, kind, text
		}')
}

# Read the lines of includes() and print the violations.
violations() {
	awk '
	function say(why) { print $1 ":" $2 ": " $4 ": " why }
	function starts(text, with) { return index(text, with) == 1 }
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }

	BEGIN {
		split("base wire link store hub action app transport", order)
		for (i in order) tier["shared/" order[i]] = i + 0
		tier["shared/hook"] = tier["shared/app"] # side by side
		programs["fcgi"] = programs["wsd"] = programs["policyd"] = programs["cli"] = 1
		programs["linkd"] = 1

		# a header, and the only places that may include it: folders end with /
		only["sqlite3.h"] = "shared/store/"
		only["ev.h"] = "fcgi/ wsd/ linkd/ policyd/"
		only["hiredis/hiredis.h"] = "linkd/"
		only["hiredis/async.h"] = "linkd/line.c"
		only["hiredis/adapters/libev.h"] = "linkd/line.c"
		only["fcgiapp.h"] = "fcgi/"
		only["fastcgi.h"] = "fcgi/"
		only["wslay/wslay.h"] = "wsd/hybi.c"
		only["http_parser.h"] = "wsd/ cli/fetch.h cli/site.c"
		only["ini.h"] = "shared/base/config.c"
		only["dlfcn.h"] = "shared/app/module.c shared/hook/libcurl.c"
		only["curl/curl.h"] = "shared/hook/libcurl.h"
		only["pollux/pollux.h"] = "shared/app/ apps/"
		only["fcgi_stdio.h"] = "-" # it redefines FILE and printf

		# a pure module does no I/O and has no clock
		n = split("unistd.h fcntl.h poll.h signal.h time.h pthread.h dirent.h netdb.h " \
		    "dlfcn.h syslog.h sqlite3.h ev.h", impure)
		for (i = 1; i <= n; i++) pure_not[impure[i]] = 1

		# an application is written against <pollux/pollux.h> and the C library
		n = split("assert.h ctype.h errno.h inttypes.h limits.h math.h stdarg.h stdbool.h " \
		    "stddef.h stdint.h stdio.h stdlib.h string.h strings.h time.h jansson.h " \
		    "pollux/pollux.h", libc)
		for (i = 1; i <= n; i++) app_may[libc[i]] = 1
	}

	{
		split($1, path, "/")
		top = path[1]
		here = top == "shared" ? top "/" path[2] : top
		there = folder($4)
	}

	$3 == "system" {
		if ($4 in only) {
			n = split(only[$4], places, " ")
			ok = 0
			for (i = 1; i <= n; i++)
				ok = ok || $1 == places[i] || (places[i] ~ /\/$/ && starts($1, places[i]))
			if (!ok) say(only[$4] == "-" ? "not to be used" : "only in " only[$4])
		}
		if (here == "shared/wire" && ($4 in pure_not || $4 ~ /^(sys|netinet|arpa|net|linux)\//))
			say("wire/ is pure: no I/O, no clock")
		if (top == "apps" && !($4 in app_may))
			say("an application includes <pollux/pollux.h>, the C library and jansson")
		if ($4 ~ /^(shared|fcgi|wsd|linkd|policyd|cli|apps)\//)
			say("ours: in quotes")
		next
	}

	# the database schema, made by the Makefile
	$4 == "schema.h" && here == "shared/store" { next }
	$4 == "status_files.h" && here == "shared/transport" { next }
	# the folder of pollux.conf, likewise
	$4 == "sysconfdir.h" && here == "shared/base" { next }

	$4 !~ /\// || $4 ~ /\.\./ { say("the full path from the root, please"); next }

	top == "apps" {
		if (there != path[1] "/" path[2])
			say("an application includes <pollux/pollux.h>, the C library and jansson")
		next
	}
	starts($4, "apps/") { say("applications are loaded, not included"); next }

	top == "policyd" && there != "policyd" {
		if (there != "shared/base" && $4 !~ /^shared\/wire\/(flashpolicy|origins)\.h$/)
			say("policyd sees the flash policy, origins and base, nothing else")
		next
	}
	top in programs {
		split($4, target, "/")
		if (target[1] in programs && target[1] != top)
			say("programs never include one another")
		# the command line acts and lists without a transport
		if (top == "cli" && $4 ~ /^shared\/(action\/(application|action)|hook\/(event_id|http)|store\/(figures|folder|hook_listing|link_figures|link_node|listing|places|slots|waiters|watch))\.h$/)
			next
		# the link ships its rows by itself, keeps what other nodes tell, and acts for them
		if (top == "linkd" && $4 ~ /^shared\/(store\/(link_[a-z]+|folder|slots|message_log|remote|session_data|session_row|subscription)|action\/(application|name|namespace|ruling|target))\.h$/)
			next
		if (there ~ /^shared\/(store|action|app|hook)$/)
			say("programs reach store and application through the hub")
		next
	}

	here in tier {
		if (!(there in tier))
			say("shared/ includes shared/ only")
		else if (tier[there] > tier[here])
			say(here " is below " there ": arrows go down only")
		else if (tier[there] == tier[here] && there != here)
			say(here " and " there " do not know each other")
		if ($4 ~ /\/internal\.h$/ && there != here)
			say("internal to " there)
	}
	'
}

# Every .c that has a header of its name includes it first, which proves that it stands alone.
own_header_first() {
	awk -v root="$1" '
	$1 ~ /\.c$/ && !seen[$1]++ {
		own = $1
		sub(/\.c$/, ".h", own)
		if ($4 != own && (getline line < (root "/" own)) >= 0)
			print $1 ":" $2 ": " own ": its own header comes first"
		close(root "/" own)
	}'
}

check() {
	includes "$1" | violations
	includes "$1" | own_header_first "$1"
}

self_test() {
	local planted
	tree=$(mktemp -d) || return 1
	trap 'rm -rf "$tree"' EXIT
	# file | include | what must be found; empty: it is allowed
	while IFS='|' read -r file include wanted; do
		rm -rf "${tree:?}"/*
		mkdir -p "$tree/$(dirname "$file")"
		echo "#include $include" >"$tree/$file"
		planted=$(check "$tree")
		if [ -z "$wanted" ]; then
			none "$planted"
		else
			found "$wanted" "$planted" "$include in $file"
		fi
	done <<-'PLANTED'
		shared/base/x.c|"shared/wire/packet.h"|arrows go down only
		shared/wire/x.c|"shared/store/store.h"|arrows go down only
		shared/store/x.h|"shared/hub/hub.h"|arrows go down only
		shared/hub/x.c|"shared/app/module.h"|arrows go down only
		shared/app/x.c|"shared/transport/server.h"|arrows go down only
		shared/action/x.c|"shared/app/module.h"|arrows go down only
		shared/action/x.c|"shared/hook/hook.h"|arrows go down only
		shared/app/x.c|"shared/hook/hook.h"|do not know each other
		shared/hook/x.c|"shared/app/module.h"|do not know each other
		shared/transport/x.c|"fcgi/fcgi.h"|shared/ includes shared/ only
		shared/hub/x.c|"shared/store/internal.h"|internal to
		shared/hub/x.c|<sqlite3.h>|only in shared/store/
		shared/transport/x.c|<ev.h>|only in fcgi/ wsd/ linkd/ policyd/
		linkd/inbox.c|<hiredis/async.h>|only in linkd/line.c
		wsd/x.c|<hiredis/hiredis.h>|only in linkd/
		linkd/x.c|"shared/store/store.h"|through the hub
		wsd/conn.c|<wslay/wslay.h>|only in wsd/hybi.c
		wsd/x.c|<fcgiapp.h>|only in fcgi/
		shared/hook/hook.c|<curl/curl.h>|only in shared/hook/libcurl.h
		fcgi/x.c|<fcgi_stdio.h>|not to be used
		shared/wire/x.c|<time.h>|wire/ is pure
		shared/wire/x.c|<sys/socket.h>|wire/ is pure
		fcgi/x.c|"wsd/conn.h"|never include one another
		wsd/x.c|"shared/store/store.h"|through the hub
		fcgi/x.c|"shared/app/module.h"|through the hub
		cli/x.c|"shared/store/store.h"|through the hub
		cli/x.c|<pollux/pollux.h>|only in shared/app/
		cli/x.c|"wsd/wsd.h"|never include one another
		policyd/x.c|"shared/hub/hub.h"|nothing else
		apps/chat/x.c|"shared/hub/hub.h"|an application includes
		apps/chat/x.c|"apps/echo/x.h"|an application includes
		apps/chat/x.c|<sqlite3.h>|an application includes
		wsd/x.c|"conn.h"|the full path
		shared/hub/x.c|"../store/store.h"|the full path
		shared/hub/x.c|<shared/store/store.h>|in quotes
		shared/transport/x.c|"shared/app/module.h"|
		shared/transport/x.c|"shared/hook/hook.h"|
		shared/hub/x.c|"shared/store/store.h"|
		shared/store/x.c|<sqlite3.h>|
		wsd/hybi.c|<wslay/wslay.h>|
		linkd/line.c|<hiredis/async.h>|
		linkd/x.c|"shared/store/link_lock.h"|
		shared/hook/libcurl.h|<curl/curl.h>|
		fcgi/x.c|"shared/transport/server.h"|
		apps/chat/x.c|<pollux/pollux.h>|
		shared/hub/x.c|<pollux/pollux.h>|only in shared/app/
		cli/x.c|"shared/action/action.h"|
		shared/hook/x.c|"shared/action/application.h"|
		cli/x.c|"shared/store/listing.h"|
		policyd/x.c|"shared/wire/flashpolicy.h"|
	PLANTED
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/wsd"
	printf '#include <stdio.h>\n#include "wsd/x.h"\n' >"$tree/wsd/x.c"
	: >"$tree/wsd/x.h"
	found 'its own header comes first' "$(check "$tree")"
}

case ${1-} in
self-test)
	self_test
	;;
'')
	none "$(check .)"
	self_test
	;;
*)
	echo "usage: tests/layers.sh [self-test]" >&2
	exit 64
	;;
esac
tally
