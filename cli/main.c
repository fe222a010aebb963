/* pollux: finds the command and runs it. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "shared/base/log.h"

static const struct {
	const char *name;
	cli_command *run;
	const char *what;
} commands[] = {
    {"emit", act_emit, "emit an event"},
    {"send", act_send, "send a text message"},
    {"json", act_json, "send a JSON message"},
    {"ack", act_ack, "answer a client that waits for an ack"},
    {"kick", act_kick, "disconnect sessions"},
    {"join", act_join, "add sessions to a room"},
    {"leave", act_leave, "remove sessions from a room"},
    {"set", act_set, "set a value of sessions"},
    {"del", act_del, "delete a value of sessions"},
    {"user", act_user, "set the user of sessions"},
    {"after", act_after, "set a timer of sessions"},
    {"cancel", act_cancel, "drop a timer of sessions"},
    {"action", act_action, "run the actions on standard input"},
    {"events", events_run, "the events for the web hook that wait or failed"},
    {"key", key_run, "make, list and revoke keys of the publishing interface"},
    {"hook", hook_test_run, "send a web hook one request of each kind"},
    {"drain", drain_machine, "take the machine out of service"},
    {"sessions", list_sessions, "list sessions"},
    {"rooms", list_rooms, "list rooms"},
    {"users", list_users, "list users"},
    {"stats", stats_once, "count processes, sessions, rooms, packets"},
    {"top", stats_top, "the same, again and again"},
    {"tail", tail_packets, "show packets as they pass"},
    {"config", check_config, "check the configuration"},
    {"db", check_db, "check the database"},
    {"bench", bench_run, "measure a running server"},
    {"doctor", doctor_run, "say what keeps clients from being served at a URL"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* --- the command line ----------------------------------------------------------------------- */

struct call {
	struct cli *cli;
	int argc;
	char **argv; /* of the command; NULL: none was given */
};

static error_t
parse_main(int key, char *arg, struct argp_state *state)
{
	struct call *call = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = call->cli;
		return 0;
	case ARGP_KEY_ARG: /* the command; what follows are its own options and words */
		call->argv = state->argv + state->next - 1;
		call->argc = state->argc - (state->next - 1);
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Print the list of commands after the options. */
static char *
add_command_list(int key, const char *text, void *input)
{
	struct buf out = {.p = NULL};

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	buf_puts(&out, "Commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		buf_printf(&out, "  %-10s %s\n", commands[i].name, commands[i].what);
	buf_puts(&out, "\n`pollux COMMAND --help` says more, and so does pollux(1).");
	buf_add_char(&out, '\0');
	return out.failed ? NULL : out.p;
}

int
main(int argc, char **argv)
{
	static struct cli cli;
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	/* The \v begins the text after the options, which add_command_list() fills in. */
	static const struct argp argp = {
	    .parser = parse_main,
	    .args_doc = "COMMAND [ARGUMENT...]",
	    .doc = "Look at the sessions of a running Pollux, and act on them.\v",
	    .children = children,
	    .help_filter = add_command_list,
	};
	struct call call = {.cli = &cli};
	char name[64];
	int status = EX_USAGE;
	size_t i = 0;

	/* Only warnings and errors of the store and the hub reach the user. */
	log_open("pollux", LOG_LEVEL_WARN, NULL);
	/* In order: options after the command are the command's own, such as -n. */
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &call) != 0)
		return EX_USAGE;
	if (call.argv == NULL) {
		cli_complain("no command given; pollux --help lists them");
		return EX_USAGE;
	}
	while (i < COMMANDS && strcmp(call.argv[0], commands[i].name) != 0)
		i++;
	if (i == COMMANDS) {
		cli_complain("unknown command \"%s\"; pollux --help lists them", call.argv[0]);
		return EX_USAGE;
	}
	snprintf(name, sizeof(name), "pollux %s", commands[i].name);
	call.argv[0] = name; /* --help and errors name the command */
	status = commands[i].run(&cli, call.argc, call.argv);
	cli_close(&cli);
	/* Output is buffered: a full disk may show only now, after the command has succeeded. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_complain("write error on standard output");
		return EX_IOERR;
	}
	return status;
}
