# tally: what the suites that are shell scripts count with.  Sourced.

passed=0 failed=0

pass() {
	passed=$((passed + 1))
}

fail() {
	echo "FAIL $1"
	failed=$((failed + 1))
}

# check WHAT COMMAND [ARGUMENT...]: the command succeeds.
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		pass
	else
		fail "$what${said:+: $said}"
	fi
}

# none LINES: each line is a failure; no line is one pass.
none() {
	local line
	if [ -z "$1" ]; then
		pass
		return
	fi
	while IFS= read -r line; do
		fail "$line"
	done <<<"$1"
}

# found WANTED TEXT [WHAT]: the text has it.  For a suite that looks at mistakes which it has planted.
found() {
	if [[ $2 == *"$1"* ]]; then
		pass
	else
		fail "the test itself: not found: ${3-$1}"
	fi
}

# Print the count.  The exit status is 0 if nothing failed.
tally() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
