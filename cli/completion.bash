# bash completion for pollux(1)

# _pollux_ask session|room|namespace|node: those of the data folder that the command line names.
_pollux_ask() {
	local i options=() # -c and -d decide which Pollux answers
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-d | --data | -c | --config) options+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	case $1 in
	session) pollux sessions --json "${options[@]}" 2>/dev/null | grep -o '"id":"[^"]*"' | cut -d'"' -f4 ;;
	room) pollux rooms --json "${options[@]}" 2>/dev/null | grep -o '"room":"[^"\\]*"' | cut -d'"' -f4 ;;
	namespace) pollux rooms --json "${options[@]}" 2>/dev/null | grep -o '"ns":"/[^"\\]*"' | cut -d'"' -f4 | sort -u ;;
	node) pollux stats --json "${options[@]}" 2>/dev/null | grep -o '"\(node\|name\)":"[^"]*"' | cut -d'"' -f4 ;;
	esac
}

_pollux() {
	local commands="emit send json ack kick join leave set del user after cancel action events hook key drain sessions rooms users stats top tail config db doctor bench"
	local common="--config --data --json --help" whom="--namespace --room --session --user --all --except"
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' word i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config | -d | --data) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]} # the first word that is neither an option nor its value
			break
			;;
		esac
	done
	COMPREPLY=()
	case $previous in
	-c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	-d | --data) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
	-s | --session | --except | --after) mapfile -t COMPREPLY < <(compgen -W "$(_pollux_ask session)" -- "$current") ;;
	-r | --room) mapfile -t COMPREPLY < <(compgen -W "$(_pollux_ask room)" -- "$current") ;;
	-n | --namespace) mapfile -t COMPREPLY < <(compgen -W "$(_pollux_ask namespace)" -- "$current") ;;
	--node) mapfile -t COMPREPLY < <(compgen -W "$(_pollux_ask node)" -- "$current") ;;
	-u | --user | --values | --limit | --rate | --event | --ack | --context | --timeout | --mailbox | --history | --secret | --query | --clients | --time | -i | --interval | -N | --rounds | --last | -w | --wait | --polls | --origin | --wsd | --resource) ;;
	*)
		case $command in
		'') word="$commands $common --version" ;;
		emit | send | json) word="$whom --volatile --ack --context --timeout --mailbox $common" ;;
		join) word="$whom --history $common" ;;
		kick | leave | set | del | user | after | cancel) word="$whom $common" ;;
		events) word="list show retry drop --dead --queued --all --limit $common" ;;
		hook) word="test --secret $common" ;;
		key) word="new list revoke $common" ;;
		drain) word="--rate --event --no-wait --cancel $common" ;;
		sessions) word="--namespace --room --user --session --values --limit --after --node $common" ;;
		rooms) word="--namespace --session --node $common" ;;
		users) word="--limit --after --node $common" ;;
		stats) word="--node $common" ;;
		top) word="--interval --rounds --node $common" ;;
		tail) word="--session --namespace --room --user --heartbeats --last --raw $common" ;;
		config | db) word="check $common" ;;
		bench) word="--clients --time --polling --query --resource $common" ;;
		doctor) word="--wait --polls --origin --wsd --resource $common" ;;
		*) word=$common ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
		;;
	esac
}

complete -F _pollux pollux
