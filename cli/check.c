/* The commands `config check` and `db check`. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "shared/base/certificate.h"
#include "shared/base/crash.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"
#include "shared/store/listing.h"
#include "shared/transport/server.h"
#include "shared/wire/flashpolicy.h"
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

/* What is wrong with a configuration: JSON arrays without their brackets. */
struct mistakes {
	const struct cli *cli;
	struct buf errors, warnings;
};

/* log_taker: a start would log this. */
static void
on_mistake(void *arg, enum log_level level, const char *line)
{
	struct mistakes *m = arg;
	bool error = level == LOG_LEVEL_ERROR;
	struct buf *list = error ? &m->errors : &m->warnings;

	if (!m->cli->json)
		cli_complain("%s%s", error ? "" : "warning: ", line);
	buf_puts(list, list->n > 0 ? "," : "");
	json_write_string(list, slice_of(line));
}

/* As pollux-policyd reads it. */
static void
check_policy(const char *path)
{
	FILE *file = path[0] == '\0' ? NULL : fopen(path, "re");
	struct buf policy = {.p = NULL};
	char *to = buf_reserve(&policy, FLASHPOLICY_FILE_MAX + 1);
	const char *wrong;

	preflight_file("[policyd] file", path); /* says why it could not be opened */
	if (file != NULL && to != NULL) {
		policy.n = fread(to, 1, FLASHPOLICY_FILE_MAX + 1, file);
		wrong = policy.n > FLASHPOLICY_FILE_MAX ? "it is too large"
		                                        : flashpolicy_check(buf_slice(&policy));
		if (wrong != NULL)
			log_errx("[policyd] file: %s is not a policy: %s", path, wrong);
	}
	if (file != NULL)
		fclose(file);
	buf_free(&policy);
}

/* Look for what the text alone does not tell. */
static void
check_start(struct cli *c, struct mistakes *m)
{
	struct certificate certificate;

	crash_watch(); /* a module is loaded */
	log_collect(on_mistake, m);
	server_check(&c->cfg);
	preflight_log(&c->cfg);
	check_policy(c->cfg.policyd_file);
	privs_check(c->cfg.policyd_user, c->cfg.policyd_chroot);
	/* not as ours: the programs may run as other users */
	if (c->cfg.fcgi_listen[0] != '\0')
		preflight_addresses("[fcgi] listen", c->cfg.fcgi_listen, false);
	preflight_addresses("[wsd] listen", c->cfg.wsd_listen, false);
	if (c->cfg.wsd_tls_listen[0] != '\0')
		preflight_addresses("[wsd] tls_listen", c->cfg.wsd_tls_listen, false);
	if (c->cfg.wsd_certificate[0] != '\0')
		(void)certificate_check(&c->cfg, false, &certificate);
	preflight_addresses("[policyd] listen", c->cfg.policyd_listen, false);
	log_collect(NULL, NULL);
}

int
check_config(struct cli *c, int argc, char **argv)
{
	char error[CONFIG_ERROR_MAX], *rest = error, *line;
	struct buf out = {.p = NULL};
	struct mistakes m = {.cli = c};
	bool ok;

	parse_check_line(
	    c, argc, argv, "Check the configuration, and what a start of the programs would need.");
	/* Not cli_configure(): with --json the error is part of the answer. */
	if (config_load(&c->cfg, c->paths, error, sizeof(error)) == -1) {
		while ((line = strsep(&rest, "\n")) != NULL)
			on_mistake(&m, LOG_LEVEL_ERROR, line);
	} else {
		/* As in cli_configure(). */
		if (c->data != NULL)
			snprintf(c->cfg.data, sizeof(c->cfg.data), "%s", c->data);
		check_start(c, &m);
	}
	ok = m.errors.n == 0;
	if (c->json) {
		buf_printf(&out, "{\"ok\":%s,\"configuration\":", ok ? "true" : "false");
		json_write_string(&out, slice_of(c->cfg.files));
		buf_puts(&out, ",\"errors\":[");
		buf_add_slice(&out, buf_slice(&m.errors));
		buf_puts(&out, "],\"warnings\":[");
		buf_add_slice(&out, buf_slice(&m.warnings));
		buf_puts(&out, "]}\n");
	} else {
		buf_printf(&out, "configuration: %s\n%s", c->cfg.files, ok ? "ok\n" : "");
	}
	buf_free(&m.errors);
	buf_free(&m.warnings);
	return cli_flush(&out) != 0 ? EX_SOFTWARE : ok ? 0 : EX_CONFIG;
}

/* Faults of the database, and their number; with --json they collect in `json`. */
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
	f->n++;
	if (!f->cli->json) {
		cli_print(stdout, line);
		putchar('\n');
		return;
	}
	buf_puts(&f->json, f->n > 1 ? "," : "");
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
	/* The check itself may fail of the damage that it has found. */
	return n == 0 ? 0 : faults.n > 0 ? EX_DATAERR : EX_TEMPFAIL;
}
