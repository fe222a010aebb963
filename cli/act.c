/* Commands that act: each builds actions (shared/action/action.h), which are checked and run like
 * those from a web hook or HTTP. */
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
#define CARRY_OUT_MS 5000 /* wait this long for the process that ends sessions for us */

/* --- targets -------------------------------------------------------------------------------- */

/* The command line of a command. */
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
parse_target(int key, char *arg, struct argp_state *state)
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
			argp_error(state, "more than %d --except options", EXCEPT_MAX);
		a->except[a->except_n++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option target_options[] = {
    {"namespace", 'n', "NS", 0, "In this namespace (default: the one without a name)", 1},
    {"room", 'r', "ROOM", 0, "The sessions in this room", 1},
    {"session", 's', "ID", 0, "The session with this public id", 1},
    {"user", 'u', "USER", 0, "Every session of this user", 1},
    {"all", 'a', NULL, 0, "All sessions in the namespace", 1},
    {"except", KEY_EXCEPT, "ID", 0, "Leave out this session; may be repeated", 1},
    {0},
};

static const struct argp target_argp = {.options = target_options, .parser = parse_target};

/* An option of the commands that send. */
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
    {"volatile", 'v', NULL, 0, "Drop it for sessions without an open transport", 2},
    {0},
};

static const struct argp volatile_argp = {.options = volatile_options, .parser = parse_volatile};

/* --- the command line ----------------------------------------------------------------------- */

static error_t
parse_action_words(int key, char *arg, struct argp_state *state)
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
	case ARGP_KEY_ARGS: /* all of them at once, after the options */
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
read_act_line(struct act *a, int argc, char **argv, const char *args_doc, const char *doc,
    int least, int most, bool sends)
{
	const struct argp_child children[] = {
	    {&options_argp, 0, NULL, 0},
	    {&target_argp, 0, NULL, 0},
	    {sends ? &volatile_argp : NULL, 0, NULL, 0}, /* or the end of the list */
	    {0},
	};
	const struct argp argp = {
	    .parser = parse_action_words, .args_doc = args_doc, .doc = doc, .children = children};
	int targets;

	/* argp checks options, and exits; how many targets and words there are is up to us. */
	a->sends = sends;
	argp_parse(&argp, argc, argv, 0, NULL, a);
	targets = (a->room != NULL) + (a->session != NULL) + (a->user != NULL) + a->all;
	if (targets != 1)
		cli_complain("give exactly one target: -r ROOM, -s ID, -u USER or -a");
	else if (a->words_n < least || (most >= 0 && a->words_n > most))
		cli_complain("usage: %s [OPTION...] %s", argv[0], args_doc);
	else
		return;
	exit(EX_USAGE);
}

/* --- as JSON -------------------------------------------------------------------------------- */

static void
add_string_member(struct buf *out, const char *text)
{
	/* A shell passes any bytes on, and JSON is UTF-8. */
	if (!utf8_valid(slice_of(text))) {
		cli_complain("an argument is not UTF-8");
		exit(EX_DATAERR);
	}
	json_write_string(out, slice_of(text));
}

static void
add_action_member(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	add_string_member(out, text);
}

/* Add a word of the command line that must itself be JSON. */
static void
add_json_word(struct buf *out, const char *text)
{
	struct json_value value;

	/* Each word by itself: "1,2" would otherwise become two arguments. */
	if (json_parse(&value, slice_of(text)) == -1) {
		cli_complain("not JSON: %s (a text needs quotes of its own: '\"%s\"')", text, text);
		exit(EX_DATAERR);
	}
	buf_add_slice(out, value.text);
}

/* Begin an action, with its target. */
static void
begin_action(struct buf *out, const struct act *a, const char *verb)
{
	/* A session that is gone is an error if it was named, but not if it was in a room. */
	buf_printf(out, "{\"strict\":%s,\"actions\":[{\"do\":\"%s\",\"to\":{\"ns\":",
	    a->session != NULL ? "true" : "false", verb);
	add_string_member(out, a->ns == NULL ? "" : a->ns);
	add_action_member(out, "room", a->room);
	add_action_member(out, "session", a->session);
	add_action_member(out, "user", a->user);
	for (unsigned i = 0; i < a->except_n; i++) {
		buf_puts(out, i == 0 ? ",\"except\":[" : ",");
		add_string_member(out, a->except[i]);
	}
	buf_puts(out, a->except_n > 0 ? "]}" : "}");
	if (a->is_volatile)
		buf_puts(out, ",\"volatile\":true");
}

/* --- running -------------------------------------------------------------------------------- */

static int
print_refusal(const struct cli *c, const struct action_error *error)
{
	struct buf out = {.p = NULL};

	if (c->json) {
		action_error_write(&out, error);
		buf_add_char(&out, '\n');
		cli_flush(&out);
	} else if (error->index > 0) {
		cli_complain("in action %d: %s", error->index, error->message);
	} else {
		cli_complain("%s", error->message);
	}
	/* Scripts tell a client that has left from a mistake by the exit status. */
	if (strcmp(error->code, "unknown_session") == 0)
		return EX_NOUSER;
	return strcmp(error->code, "failed") == 0 ? EX_TEMPFAIL : EX_DATAERR;
}

/* Only a process that runs the application ends sessions, so that disconnect handlers run: wait
 * until one has. */
static int
await_ends(struct cli *c)
{
	for (int waited = 0; waited < CARRY_OUT_MS; waited += 20) {
		int64_t n = listing_end_requests(hub_store(c->hub));

		if (n == 0) /* also those of others: an end is not marked with who asked for it */
			return 0;
		if (n == -1)
			return EX_TEMPFAIL;
		/* A turn of our own keeps our cursor moving: the log is not trimmed before it. */
		cli_begin(c);
		cli_settle(c);
		cli_wait(-1, 20);
	}
	cli_complain(cli_is_served(c) ? "not done yet: the process that ends sessions is busy"
				      : "no Pollux process is running: the next one will do it");
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

/* Return the exit status. */
static int
print_result(const struct cli *c, const struct action_result *result)
{
	struct buf out = {.p = NULL};

	if (c->json)
		buf_printf(
		    &out, "{\"actions\":%zu,\"receivers\":%zu", result->actions, result->receivers);
	else
		buf_printf(
		    &out, "%zu session%s", result->receivers, result->receivers == 1 ? "" : "s");
	if (c->json) {
		action_refused_write(&out, result);
		buf_add_char(&out, '}');
	}
	buf_add_char(&out, '\n');
	cli_flush(&out);
	if (result->refused == 0)
		return 0;
	if (!c->json)
		cli_complain("%zu refused: %s", result->refused, result->refusal.message);
	return EX_CANTCREAT;
}

static int
run_actions(struct cli *c, struct slice json)
{
	const struct action_context ctx = {.count = true};
	struct action_list list;
	struct action_result result;
	struct action_error error;
	int status = 0;

	/* Parse before opening: a mistake in the arguments is reported without a database. */
	if (action_parse(&list, json, &ctx, &error) == -1) {
		status = print_refusal(c, &error);
		goto end;
	}
	status = cli_open(c);
	if (status != 0)
		goto end;
	/* One turn is one transaction: all actions are done, or none. */
	cli_begin(c);
	if (action_run(c->application, &list, &result, &error) == -1)
		status = print_refusal(c, &error);
	/* The turn must end even if it failed, but the first error is the one to report. */
	if (cli_settle(c) == -1 && status == 0) {
		cli_complain("cannot write to the store");
		status = EX_TEMPFAIL;
	}
	if (status == 0 && ends_sessions(&list))
		status = await_ends(c);
	if (status == 0)
		status = print_result(c, &result);
end:
	action_free(&list);
	return status;
}

/* Finish the JSON of the action and run it. */
static int
run_action(struct cli *c, struct buf *json)
{
	int status = EX_OSERR;

	buf_puts(json, "}]}");
	if (json->failed)
		cli_complain("not run: no memory for the actions");
	else
		status = run_actions(c, buf_slice(json));
	buf_free(json);
	return status;
}

/* --- commands ------------------------------------------------------------------------------- */

int
act_emit(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_act_line(&a, argc, argv, "NAME [JSON...]",
	    "Emit event NAME with the arguments JSON, each a JSON value.", 1, -1, true);
	begin_action(&json, &a, "emit");
	add_action_member(&json, "name", a.words[0]);
	buf_puts(&json, ",\"args\":[");
	for (int i = 1; i < a.words_n; i++) {
		if (i > 1)
			buf_add_char(&json, ',');
		add_json_word(&json, a.words[i]);
	}
	buf_add_char(&json, ']');
	return run_action(c, &json);
}

int
act_send(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_act_line(&a, argc, argv, "TEXT", "Send TEXT as a message.", 1, 1, true);
	begin_action(&json, &a, "send");
	add_action_member(&json, "text", a.words[0]);
	return run_action(c, &json);
}

int
act_json(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_act_line(&a, argc, argv, "JSON", "Send a JSON value as a message.", 1, 1, true);
	begin_action(&json, &a, "json");
	buf_puts(&json, ",\"value\":");
	add_json_word(&json, a.words[0]);
	return run_action(c, &json);
}

static int
run_move(struct cli *c, int argc, char **argv, const char *verb, const char *doc)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_act_line(&a, argc, argv, "ROOM", doc, 1, 1, false);
	begin_action(&json, &a, verb);
	add_action_member(&json, "room", a.words[0]);
	return run_action(c, &json);
}

int
act_join(struct cli *c, int argc, char **argv)
{
	return run_move(c, argc, argv, "join", "Add sessions to ROOM.");
}

int
act_leave(struct cli *c, int argc, char **argv)
{
	return run_move(c, argc, argv, "leave", "Remove sessions from ROOM.");
}

int
act_kick(struct cli *c, int argc, char **argv)
{
	struct act a = {.cli = c};
	struct buf json = {.p = NULL};

	read_act_line(&a, argc, argv, "[REASON]",
	    "Disconnect sessions; with -n, from that namespace only.  The application gets REASON, "
	    "\"booted\" by default.",
	    0, 1, false);
	begin_action(&json, &a, "disconnect");
	add_action_member(&json, "reason", a.words_n > 0 ? a.words[0] : NULL);
	return run_action(c, &json);
}

int
act_action(struct cli *c, int argc, char **argv)
{
	/* One byte more than allowed tells "too long" from "just fits". */
	struct buf json = {.ceiling = ACTION_BYTES_MAX + 1};
	size_t n = 1;
	int status;

	options_read(c, argc, argv,
	    "Run the actions on standard input: an action, an array of actions, or "
	    "{\"actions\":[..],\"strict\":true}.  All actions are done, or none.");
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
	status = run_actions(c, buf_slice(&json));
	buf_free(&json);
	return status;
}
