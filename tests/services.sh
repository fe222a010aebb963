#!/bin/bash
# services: what `make install` puts on a server that has systemd: units, their user and folders, the
# rotation of logs, and a configuration that works.  tests/install.sh has the rest.  Nothing is
# started.  Prints a line for each failure, then `N passed, N failed`.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/lib/tally.sh
unset MAKEFLAGS MFLAGS # `make check` runs this: its jobserver is not ours
B=${B:-build}
export B

# installs TARGET ROOT [VARIABLE=VALUE...]: make TARGET with DESTDIR=ROOT.
installs() {
	local target=$1 root=$2
	shift 2
	make -s "$target" DESTDIR="$root" "$@" >"$folder/log" 2>&1
}

# Everything below the folder but directories, one a line.
files() {
	(cd "$1" && find . ! -type d | sort)
}

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# --- where things are, and that they go again

root=$folder/usual
if ! installs install "$root"; then
	fail "make install: $(cat "$folder/log")"
	tally
	exit
fi
units=$root/usr/local/lib/systemd/system
for file in etc/pollux/pollux.conf etc/logrotate.d/pollux usr/local/lib/sysusers.d/pollux.conf \
	usr/local/lib/tmpfiles.d/pollux.conf \
	usr/local/lib/systemd/system/pollux-{fcgi@,fcgi-{0,1,2}@,wsd,wsd@,linkd,linkd@,policyd}.service \
	usr/local/lib/systemd/system/pollux-{fcgi@,fcgi-{0,1,2}@,wsd,wsd-tls,policyd}.socket; do
	check "$file is not installed" test -s "$root/$file"
done
check 'pollux-post.fcgi is not a hard link to pollux.fcgi' test \
	"$root/usr/local/lib/cgi-bin/pollux-post.fcgi" -ef "$root/usr/local/lib/cgi-bin/pollux.fcgi"
check 'pollux-post.fcgi is a symbolic link' test ! -L "$root/usr/local/lib/cgi-bin/pollux-post.fcgi"
for file in build/client/*; do
	check "$file is not installed" cmp "$file" "$root/usr/local/share/pollux/client/${file##*/}"
done
none "$(grep -rEn '@[A-Z_]+@' "$root/etc" "$root/usr/local/lib" --include='*.conf' --include='pollux*' -I |
	sed 's/^/a name was not replaced: /')"
check 'the installed pollux.conf is refused' \
	env POLLUX_STORE_DATA="$folder/data" POLLUX_CLIENT_FOLDER= "$B/pollux" -c "$root/etc/pollux/pollux.conf" config check
echo '; mine' >>"$root/etc/pollux/pollux.conf"
cp "$root/etc/pollux/pollux.conf" "$folder/mine.conf"
check 'make install, for the second time' installs install "$root"
check 'make install replaces a configuration' cmp "$folder/mine.conf" "$root/etc/pollux/pollux.conf"
# what is not ours stays
touch "$root/usr/local/lib/pollux/mine.so"
check 'make uninstall' installs uninstall "$root"
check 'make uninstall leaves other than configuration and what it did not install' test \
	"$(files "$root")" = $'./etc/pollux/pollux.conf\n./usr/local/lib/pollux/mine.so'

# another place for everything; systemd does not look below PREFIX then
root=$folder/opt
check 'make install with other folders' \
	installs install "$root" PREFIX=/opt/x SYSCONFDIR=/etc LIBDIR=/opt/x/lib64 WEB_GROUP=nginx
none "$(files "$root" | grep -v '^\./opt/x/\|^\./etc/' | sed 's/^/make install writes to /')"
for text in 'ExecStart=/opt/x/sbin/pollux-wsd -c /etc/pollux/pollux.conf' \
	'ExecStart=/opt/x/lib/cgi-bin/pollux.fcgi -c /etc/pollux/%i.conf' 'SocketGroup=nginx'; do
	check "no unit has $text" grep -rqxF "$text" "$root/etc/systemd/system"
done
check 'pollux.conf: the folder of the client' grep -qx 'folder = /opt/x/share/pollux/client' \
	"$root/etc/pollux/pollux.conf"
check 'pollux.conf: the folder of the modules' grep -qF /opt/x/lib64/pollux/chat.so \
	"$root/etc/pollux/pollux.conf"
check 'make uninstall with other folders' installs uninstall "$root" PREFIX=/opt/x LIBDIR=/opt/x/lib64
check 'make uninstall leaves files in other folders' test "$(files "$root")" = ./etc/pollux/pollux.conf

# --- the browser's client: from npm, or why not, and then everything else is built and installed

# makes WHAT: run what \`make\` runs for the client in a clone of its own.  PATH has \`npm\` if there is one.
clone=$folder/clone
mkdir -p "$clone/tools" "$clone/npm"
cp tools/setup "$clone/tools/"
cp package.json package-lock.json "$clone/"
mkdir "$clone/bin"
for tool in bash cat cmp cp dirname flock gzip mkdir; do
	ln -s "$(command -v "$tool")" "$clone/bin/$tool"
done
makes() {
	PATH=$clone/npm:$clone/bin "$clone/tools/setup" client >"$folder/log" 2>&1
}
check 'make fails without npm' makes
check "make does not say that npm is missing: $(cat "$folder/log")" \
	grep -q '^setup: npm is not installed, and fetches the browser.s client' "$folder/log"
printf '#!/bin/sh\necho "npm: no network" >&2\nexit 1\n' >"$clone/npm/npm"
chmod 755 "$clone/npm/npm"
check 'make fails when npm does' makes
check "make does not say what is missing: $(cat "$folder/log")" \
	grep -q '^setup: npm could not fetch the browser.s client.*into build/client$' "$folder/log"
printf '#!/bin/sh\n[ "$1" = ci ] || exit 1\nmkdir -p node_modules && cd node_modules || exit 1\n' >"$clone/npm/npm"
for dist in 'socket.io-client/dist socket.io.js socket.io.min.js WebSocketMain.swf WebSocketMainInsecure.swf' \
	'uplot/dist uPlot.iife.min.js uPlot.min.css'; do
	printf 'mkdir -p %s\nfor n in %s; do cat ../package.json >%s/$n; done\n' \
		"${dist%% *}" "${dist#* }" "${dist%% *}" >>"$clone/npm/npm"
done
check "make does not fetch the client: $(cat "$folder/log")" makes
for file in socket.io.js socket.io.js.gz socket.io.min.js.gz WebSocketMain.swf uPlot.iife.min.js.gz uPlot.min.css; do
	check "make does not make build/client/$file: $(cat "$folder/log")" test -s "$clone/build/client/$file"
done
check 'make does not make the client' grep -q '^all:.* client$' Makefile

# --- what systemd says to it

root=$folder/systemd
check 'make install for systemd' installs install "$root"
units=$root/usr/local/lib/systemd/system
for unit in "$units"/*.service; do
	name=${unit##*/}
	check "$name: a wrong configuration is tried again and again" \
		grep -qE '^RestartPreventExitStatus=(.* )?78$' "$unit"
	check "$name: nothing limits its end" grep -q '^TimeoutStopSec=' "$unit"
	check "$name: no ExecReload" grep -q '^ExecReload=' "$unit"
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
	check "$name: there is no $program" test -x "$root$program"
done
if command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null; then
	cp -r --parents /lib/systemd/system "$root/" # what our units are ordered after
	install -D /bin/kill "$root/bin/kill"
	mkdir -p "$root/etc"
	printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nwww-data:x:33:\n' >"$root/etc/group"
	check 'sysusers.d' systemd-sysusers --root="$root"
	check 'there is no user pollux' grep -q '^pollux:.*:/var/lib/pollux:/usr/sbin/nologin$' "$root/etc/passwd"
	check 'tmpfiles.d' systemd-tmpfiles --root="$root" --create "$root/usr/local/lib/tmpfiles.d/pollux.conf"
	check 'the data folder may be entered by others' test "$(stat -c %a "$root/var/lib/pollux")" = 700
	chmod 2770 "$root/var/lib/pollux"
	check 'tmpfiles.d, again' systemd-tmpfiles --root="$root" --create "$root/usr/local/lib/tmpfiles.d/pollux.conf"
	check 'tmpfiles.d undoes [store] group' test "$(stat -c %a "$root/var/lib/pollux")" = 2770
	for unit in "$units"/pollux-*; do
		name=${unit##*/}
		name=${name/@./@0.}
		said=$(systemd-analyze --root="$root" --man=no verify "$name" 2>&1 | grep -F pollux)
		none "${said:+systemd-analyze verify: $said}"
		# from 0 to 10; the threshold is in tenths
		[[ $name != *.service ]] || check "$name is not rated 1.5 or less" \
			systemd-analyze --root="$root" security --offline=yes --no-pager --threshold=15 "$name"
	done
else
	echo 'systemd is not installed: units are not verified'
fi

# --- the rotation of logs

if command -v logrotate >/dev/null; then
	sed "s/^\tsu .*//" "$root/etc/logrotate.d/pollux" >"$folder/logrotate.conf" # no such user here
	check 'logrotate refuses its configuration' logrotate -d -s "$folder/state" "$folder/logrotate.conf"
	none "$(logrotate -d -s "$folder/state" "$folder/logrotate.conf" 2>&1 | grep -i '^error')"
fi

tally
