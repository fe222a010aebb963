/* Commands that act.  Each writes down what it wants as actions (shared/action/action.h), which are
 * checked and done like anybody's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "shared/action/action.h"
#include "shared/store/listing.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define EXCEPT_MAX   ACTION_EXCEPT_MAX
#define CARRY_OUT_MS 5000 /* how long we wait for the housekeeper to do what we asked for */

/* --- whom ------------------------------------------------------------------------------------- */

/* What the options of a command say. */
struct act {
	struct cli *cli;
	const char *ns, *room, *session, *user;
	const char *except[EXCEPT_MAX];
	unsigned except_n;
	bool all, is_volatile;
	bool sends;   /* takes --volatile */
	char **words; /* what follows the options */
	int words_n;
};

enum {
	KEY_EXCEPT = 0x100,
};

static error_t
parse_whom(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	switch (key) {
	case 'n':
		a->ns = arg;
		return 0;
	case 'r':
		a->room = arg;
		return 0;
	case 's':
		a->session = arg;
		return 0;
	case 'u':
		a->user = arg;
		return 0;
	case 'a':
		a->all = true;
		return 0;
	case KEY_EXCEPT:
		if (a->except_n == EXCEPT_MAX)
			argp_error(state, "more than %d sessions to leave out", EXCEPT_MAX);
		a->except[a->except_n++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option whom_options[] = {
    {"namespace", 'n', "NS", 0, "In this namespace (default: the one without a name)", 1},
    {"room", 'r', "ROOM", 0, "Those in this room", 1},
    {"session", 's', "ID", 0, "The session of this public id", 1},
    {"user", 'u', "USER", 0, "Every session of this person", 1},
    {"all", 'a', NULL, 0, "Everyone in the namespace", 1},
    {"except", KEY_EXCEPT, "ID", 0, "But not this session; may be given again", 1},
    {0},
};

static const struct argp whom_argp = {.options = whom_options, .parser = parse_whom};

/* An option of those that send. */
static error_t
parse_volatile(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	(void)arg;
	if (key != 'v')
		return ARGP_ERR_UNKNOWN;
	a->is_volatile = true;
	return 0;
}

static const struct argp_option volatile_options[] = {
    {"volatile", 'v', NULL, 0, "Drop it for those who have no open transport right now", 2},
    {0},
};

static const struct argp volatile_argp = {.options = volatile_options, .parser = parse_volatile};

/* --- the command line ------------------------------------------------------------------------- */

static error_t
parse_words(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->cli;
		state->child_inputs[1] = a;
		if (a->sends)
			state->child_inputs[2] = a;
		return 0;
	case ARGP_KEY_ARGS:
		a->words = state->argv + state->next;
		a->words_n = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Read the command line of a command that takes `least` to `most` words (-1: any number), or exit
 * with EX_USAGE. */
static void
read_line(struct act *a, int argc, char **argv, const char *args_doc, const char *doc, int least,
    int most, bool sends)
{
	const struct argp_child children[] = {
	    {&cli_argp, 0, NULL, 0},
	    {&whom_argp, 0, NULL, 0},
	    {sends ? &volatile_argp : NULL, 0, NULL, 0}, /* or the end of the list */
	    {0},
	};
	const struct argp argp = {
	    .parser = parse_words, .args_doc = args_doc, .doc = doc, .children = children};
	int whom;

	a->sends = sends;
	argp_parse(&argp, argc, argv, 0, NULL, a);
	whom = (a->room != NULL) + (a->session != NULL) + (a->user != NULL) + a->all;
	if (whom != 1)
		cli_complain("%s: one of -r ROOM, -s ID, -u USER and -a says whom", argv[0]);
	else if (a->words_n < least || (most >= 0 && a->words_n > most))
		cli_complain("usage: %s [OPTION...] %s", argv[0], args_doc);
	else
		return;
	exit(EX_USAGE);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void
add_string(struct buf *out, const char *text)
{
	if (!utf8_valid(slice_of(text))) {
		cli_complain("an argument is not UTF-8");
		exit(EX_DATAERR);
	}
	json_write_string(out, slice_of(text));
}

static void
add_member(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	add_string(out, text);
}

/* A word of the command line that must be JSON itself. */
static void
add_json(struct buf *out, const char *text)
{
	struct json_value value;

	if (json_parse(&value, slice_of(text)) == -1) {
		cli_complain("not JSON: %s (a text wants quotes of its own: '\"%s\"')", text, text);
		exit(EX_DATAERR);
	}
	buf_add_slice(out, value.text);
}

/* Begin an action, with its target. */
static void
begin(struct buf *out, const struct act *a, const char *verb)
{
	buf_printf(out, "{\"strict\":%s,\"actions\":[{\"do\":\"%s\",\"to\":{\"ns\":",
	    a->session != NULL ? "true" : "false", verb);
	add_string(out, a->ns == NULL ? "" : a->ns);
	add_member(out, "room", a->room);
	add_member(out, "session", a->session);
	add_member(out, "user", a->user);
	for (unsigned i = 0; i < a->except_n; i++) {
		buf_puts(out, i == 0 ? ",\"except\":[" : ",");
		add_string(out, a->except[i]);
	}
	buf_puts(out, a->except_n > 0 ? "]}" : "}");
	if (a->is_volatile)
		buf_puts(out, ",\"volatile\":true");
}

/* --- doing it --------------------------------------------------------------------------------- */

static int
refused(const struct cli *c, const struct action_error *error)
{
	struct buf out = {.p = NULL};

	if (c->json) {
		action_error_write(&out, error);
		buf_add_char(&out, '\n');
		cli_flush(&out);
	} else if (error->index > 0) {
		cli_complain("action %d: %s", error->index, error->message);
	} else {
		cli_complain("%s", error->message);
	}
	if (strcmp(error->code, "unknown_session") == 0)
		return EX_NOUSER;
	return strcmp(error->code, "failed") == 0 ? EX_TEMPFAIL : EX_DATAERR;
}

/* Sessions are ended by a process that runs the application; wait until that was done. */
static int
await_ends(struct cli *c)
{
	for (int waited = 0; waited < CARRY_OUT_MS; waited += 20) {
		int64_t n = listing_asked(hub_store(c->hub));

		if (n == 0)
			return 0;
		if (n == -1)
			return EX_TEMPFAIL;
		cli_begin(c);
		cli_settle(c);
		cli_wait(-1, 20);
	}
	cli_complain(cli_is_served(c) ? "not done yet; the housekeeper is busy"
				      : "no process of Pollux is running: it will be done when one "
					"is");
	return EX_TEMPFAIL;
}

static bool
ends_sessions(const struct action_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->actions[i].kind == ACTION_DISCONNECT)
			return true;
	return false;
}

static void
say_result(const struct cli *c, const struct action_result *result)
{
	if (c->json)
		printf("{\"actions\":%zu,\"receivers\":%zu}\n", result->actions, result->receivers);
	else
		printf("%zu session%s\n", result->receivers, result->receivers == 1 ? "" : "s");
}

static int
run(struct cli *c, struct slice json)
{
	const struct action_context ctx = {.count = true};
	struct action_list list;
	struct action_result result;
	struct action_error error;
	int status = 0;

	if (action_parse(&list, json, &ctx, &error) == -1) {
		status = refused(c, &error);
		goto end;
	}
	status = cli_open(c);
	if (status != 0)
		goto end;
	cli_begin(c);
	if (action_run(c->application, &list, &result, &error) == -1)
		status = refused(c, &error);
	if (cli_settle(c) == -1 && status == 0) {
		cli_complain("the store could not be written");
		status = EX_TEMPFAIL;
	}
	if (status == 0 && ends_sessions(&list))
		status = await_ends(c);
	if (status == 0)
		say_result(c, &result);
end:
	action_free(&list);
	return status;
}

/* End the action and do it. */
static int
finish(struct cli *c, struct buf *json)
{
	int status = EX_OSERR;

	buf_puts(json, "}]}");
	if (json->failed)
		cli_complain("out of memory");
	else
		status = run(c, buf_slice(json));
	buf_free(json);
	return status;
}

/* --- commands --------------------------------------------------------------------------------- */

int
cli_emit(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_line(&a, argc, argv, "NAME [JSON...]",
	    "Emit event NAME with the arguments JSON, each a JSON value.", 1, -1, true);
	begin(&json, &a, "emit");
	add_member(&json, "name", a.words[0]);
	buf_puts(&json, ",\"args\":[");
	for (int i = 1; i < a.words_n; i++) {
		if (i > 1)
			buf_add_char(&json, ',');
		add_json(&json, a.words[i]);
	}
	buf_add_char(&json, ']');
	return finish(c, &json);
}

int
cli_send(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_line(&a, argc, argv, "TEXT", "Send TEXT as a message.", 1, 1, true);
	begin(&json, &a, "send");
	add_member(&json, "text", a.words[0]);
	return finish(c, &json);
}

int
cli_json(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_line(&a, argc, argv, "JSON", "Send a JSON value as a message.", 1, 1, true);
	begin(&json, &a, "json");
	buf_puts(&json, ",\"value\":");
	add_json(&json, a.words[0]);
	return finish(c, &json);
}

static int
move(struct cli *c, int argc, char **argv, const char *verb, const char *doc)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_line(&a, argc, argv, "ROOM", doc, 1, 1, false);
	begin(&json, &a, verb);
	add_member(&json, "room", a.words[0]);
	return finish(c, &json);
}

int
cli_join(struct cli *c, int argc, char **argv)
{
	return move(c, argc, argv, "join", "Let sessions join ROOM.");
}

int
cli_leave(struct cli *c, int argc, char **argv)
{
	return move(c, argc, argv, "leave", "Let sessions leave ROOM.");
}

int
cli_kick(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_line(&a, argc, argv, "[REASON]",
	    "Disconnect sessions; with -n, from that namespace only.  REASON is what the "
	    "application is told, \"booted\" by default.",
	    0, 1, false);
	begin(&json, &a, "disconnect");
	add_member(&json, "reason", a.words_n > 0 ? a.words[0] : NULL);
	return finish(c, &json);
}

int
cli_action(struct cli *c, int argc, char **argv)
{
	struct buf json = {.ceiling = ACTION_BYTES_MAX + 1}; /* one more is too many */
	size_t n = 1;
	int status;

	cli_read_options(c, argc, argv,
	    "Do what standard input says: an action, an array of actions, or "
	    "{\"actions\":[..],\"strict\":true}.  All of it is done, or nothing.");
	while (n > 0) {
		char piece[4096];

		n = fread(piece, 1, sizeof(piece), stdin);
		buf_add(&json, piece, n);
		if (json.failed) {
			cli_complain("standard input: more than %zu bytes", ACTION_BYTES_MAX);
			buf_free(&json);
			return EX_DATAERR;
		}
	}
	if (ferror(stdin)) {
		cli_complain("standard input: %s", strerror(errno));
		buf_free(&json);
		return EX_IOERR;
	}
	status = run(c, buf_slice(&json));
	buf_free(&json);
	return status;
}
