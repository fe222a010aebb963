/* pollux: options that all commands share, and which command it is. */
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
    {"emit", cli_emit, "emit an event"},
    {"send", cli_send, "send a text message"},
    {"json", cli_json, "send a JSON message"},
    {"kick", cli_kick, "disconnect sessions"},
    {"join", cli_join, "let sessions join a room"},
    {"leave", cli_leave, "let sessions leave a room"},
    {"action", cli_action, "do the actions that standard input holds"},
    {"sessions", cli_sessions, "list sessions"},
    {"rooms", cli_rooms, "list rooms"},
    {"stats", cli_stats, "count"},
    {"top", cli_top, "count, again and again"},
    {"tail", cli_tail, "show packets as they pass"},
    {"config", cli_config, "check the configuration"},
    {"db", cli_db, "check the database"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

__attribute__((visibility("default"))) const char *argp_program_version = "pollux 0.1";

/* --- common options -------------------------------------------------------------------------- */

static error_t
parse_common(int key, char *arg, struct argp_state *state)
{
	struct cli *c = state->input;

	switch (key) {
	case 'c':
		if (c->paths_n == CLI_FILES)
			argp_error(state, "more than %d configuration files", CLI_FILES);
		c->paths[c->paths_n++] = arg;
		return 0;
	case 'd':
		c->data = arg;
		return 0;
	case 'j':
		c->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
    {"config", 'c', "FILE", 0, "Read FILE, later ones win (default: POLLUX_CONF)", 10},
    {"data", 'd', "DIR", 0, "The data folder, instead of the configuration's", 10},
    {"json", 'j', NULL, 0, "Print JSON", 10},
    {0},
};

const struct argp cli_argp = {.options = common_options, .parser = parse_common};

static error_t
parse_no_words(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = state->input;
	else if (key == ARGP_KEY_ARG)
		argp_usage(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

void
cli_read_options(struct cli *c, int argc, char **argv, const char *doc)
{
	static const struct argp_child children[] = {{&cli_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {.parser = parse_no_words, .doc = doc, .children = children};

	argp_parse(&argp, argc, argv, 0, NULL, c);
}

/* --- which command ---------------------------------------------------------------------------- */

struct call {
	struct cli *cli;
	int argc;
	char **argv; /* of the command; NULL: none was named */
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
	case ARGP_KEY_ARG: /* the first word that is no option; what follows is the command's */
		call->argv = state->argv + state->next - 1;
		call->argc = state->argc - (state->next - 1);
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands, behind the options. */
static char *
help_filter(int key, const char *text, void *input)
{
	struct buf out = {.p = NULL};

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	buf_puts(&out, "Commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		buf_printf(&out, "  %-10s %s\n", commands[i].name, commands[i].what);
	buf_puts(&out, "\n`pollux COMMAND --help` says more; so does pollux(1).");
	buf_add_char(&out, '\0');
	return out.failed ? NULL : out.p;
}

int
main(int argc, char **argv)
{
	static struct cli cli;
	static const struct argp_child children[] = {{&cli_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
	    .parser = parse_main,
	    .args_doc = "COMMAND [ARGUMENT...]",
	    .doc = "Look at the sessions of a running Pollux, and act on them.\v",
	    .children = children,
	    .help_filter = help_filter,
	};
	struct call call = {.cli = &cli};
	char name[64];
	int status = EX_USAGE;
	size_t i = 0;

	log_open("pollux", LOG_LEVEL_WARN, NULL);
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &call) != 0)
		return EX_USAGE;
	if (call.argv == NULL) {
		cli_complain("which command?  pollux --help lists them");
		return EX_USAGE;
	}
	while (i < COMMANDS && strcmp(call.argv[0], commands[i].name) != 0)
		i++;
	if (i == COMMANDS) {
		cli_complain("%s is no command; pollux --help lists them", call.argv[0]);
		return EX_USAGE;
	}
	snprintf(name, sizeof(name), "pollux %s", commands[i].name);
	call.argv[0] = name; /* --help and errors name the command */
	status = commands[i].run(&cli, call.argc, call.argv);
	cli_close(&cli);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_complain("standard output: %s", "what was to be said could not be written");
		return EX_IOERR;
	}
	return status;
}
