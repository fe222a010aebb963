/* The commands `config check` and `db check`. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "shared/store/listing.h"
#include "shared/wire/json.h"

/* The word after the command, which must be "check". */
struct check {
	struct cli *cli;
	const char *word;
};

static error_t
parse_subcommand(int key, char *arg, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = check->cli;
		return 0;
	case ARGP_KEY_ARG:
		if (check->word != NULL || strcmp(arg, "check") != 0)
			argp_error(state, "the only word here is \"check\", not \"%s\"", arg);
		check->word = arg;
		return 0;
	case ARGP_KEY_END:
		if (check->word == NULL)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
parse_check_line(struct cli *c, int argc, char **argv, const char *doc)
{
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
	    .parser = parse_subcommand, .args_doc = "check", .doc = doc, .children = children};
	struct check check = {.cli = c};

	argp_parse(&argp, argc, argv, 0, NULL, &check);
}

int
check_config(struct cli *c, int argc, char **argv)
{
	char error[512];
	struct buf out = {.p = NULL};

	parse_check_line(c, argc, argv, "Check the configuration.");
	/* Not cli_configure(): with --json the error is part of the answer. */
	if (config_load(&c->cfg, c->paths, error, sizeof(error)) == 0) {
		puts(c->json ? "{\"ok\":true}" : "ok");
		return 0;
	}
	if (!c->json) {
		cli_complain("%s", error);
		return EX_CONFIG;
	}
	buf_puts(&out, "{\"ok\":false,\"error\":");
	json_write_string(&out, slice_of(error));
	buf_puts(&out, "}\n");
	cli_flush(&out);
	return EX_CONFIG;
}

/* Faults of the database; with --json they collect in `json`. */
struct faults {
	const struct cli *cli;
	struct buf json;
	int n;
};

static void
on_integrity_line(void *arg, struct slice line)
{
	struct faults *f = arg;

	if (slice_is(line, "ok")) /* SQLite's answer when there is no fault */
		return;
	if (!f->cli->json) {
		cli_print(stdout, line);
		putchar('\n');
		return;
	}
	buf_puts(&f->json, f->n++ > 0 ? "," : "");
	json_write_string(&f->json, line);
}

int
check_db(struct cli *c, int argc, char **argv)
{
	struct faults faults = {.cli = c};
	struct buf out = {.p = NULL};
	int status, n;

	parse_check_line(c, argc, argv, "Check the database.");
	status = cli_open(c);
	if (status != 0)
		return status;
	/* Faults are printed as they are found; JSON must wait for the last one. */
	n = listing_check(hub_store(c->hub), on_integrity_line, &faults);
	if (c->json) {
		buf_printf(&out, "{\"ok\":%s,\"faults\":[", n == 0 ? "true" : "false");
		buf_add_slice(&out, buf_slice(&faults.json));
		buf_puts(&out, "]}\n");
		cli_flush(&out);
	} else if (n == 0) {
		puts("ok");
	}
	buf_free(&faults.json);
	return n == 0 ? 0 : n == -1 ? EX_TEMPFAIL : EX_DATAERR;
}
