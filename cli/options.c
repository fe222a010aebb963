/* The options that all commands share. */
#include "cli/cli.h"

/* argp finds it by its name. */
__attribute__((visibility("default"))) const char *argp_program_version = "pollux " POLLUX_VERSION;

static error_t
parse_common(int key, char *arg, struct argp_state *state)
{
	struct cli *c = state->input;

	switch (key) {
	case 'c':
		if (c->paths_n == CLI_FILES)
			argp_error(state, "-c was given more than %d times", CLI_FILES);
		c->paths[c->paths_n++] = arg;
		return 0;
	case 'd':
		c->data = arg;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* exits */
		return 0;
	case 'j':
		c->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
    {"config", 'c', "FILE", 0, "Read FILE; may be repeated, later ones win (default: POLLUX_CONF)",
	10},
    {"data", 'd', "DIR", 0, "Use the data folder DIR instead of the configured one", 10},
    {"json", 'j', NULL, 0, "Print JSON", 10},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 10},
    {0},
};

const struct argp options_argp = {.options = common_options, .parser = parse_common};

/* Reject arguments, and hand the input on to the child parser: argp does not. */
static error_t
parse_no_words(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = state->input;
	else if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument \"%s\"", arg);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

unsigned
options_number(
    struct argp_state *state, const char *option, const char *text, unsigned least, unsigned most)
{
	unsigned n = 0;

	if (!slice_number(slice_of(text), 9, most, &n) || n < least)
		argp_error(state, "%s needs a number from %u to %u", option, least, most);
	return n;
}

void
options_read(struct cli *c, int argc, char **argv, const char *doc)
{
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {.parser = parse_no_words, .doc = doc, .children = children};

	argp_parse(&argp, argc, argv, 0, NULL, c);
}
