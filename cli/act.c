/* Commands that act: each builds actions (shared/action/action.h), which are checked and run like
 * those from a web hook or HTTP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/act_line.h"
#include "shared/store/listing.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define CARRY_OUT_MS 5000 /* wait this long for the process that ends sessions for us */

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
		buf_printf(&out, "%zu session%s%s", result->receivers,
		    result->receivers == 1 ? "" : "s",
		    result->kept > 0 ? "; kept until the user comes" : "");
	if (c->json) {
		action_result_write(&out, result);
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

/* Run a command of at most one word, which is a text. */
static int
run_with_word(struct cli *c, int argc, char **argv, const struct act_usage *usage, const char *verb,
    const char *member)
{
	struct act a = {.cli = c, .usage = usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, verb);
	act_line_add(&json, member, a.words_n > 0 ? a.words[0] : NULL);
	return run_action(c, &json);
}

int
act_emit(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "NAME [JSON...]",
	    .doc = "Emit event NAME with the arguments JSON, each a JSON value.",
	    .least = 1,
	    .most = -1,
	    .sends = true,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "emit");
	act_line_add(&json, "name", a.words[0]);
	act_line_add_args(&json, &a);
	return run_action(c, &json);
}

int
act_send(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "TEXT",
	    .doc = "Send TEXT as a message.",
	    .least = 1,
	    .most = 1,
	    .sends = true,
	};

	return run_with_word(c, argc, argv, &usage, "send", "text");
}

int
act_json(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "JSON",
	    .doc = "Send a JSON value as a message.",
	    .least = 1,
	    .most = 1,
	    .sends = true,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "json");
	act_line_add_json(&json, "value", a.words[0]);
	return run_action(c, &json);
}

int
act_ack(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "LATER [JSON...]",
	    .doc = "Answer a client that waits for an ack.  LATER is the text that the application "
		   "was given for it; the arguments JSON are each a JSON value.",
	    .least = 1,
	    .most = -1,
	    .no_target = true,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "ack");
	act_line_add(&json, "later", a.words[0]);
	act_line_add_args(&json, &a);
	return run_action(c, &json);
}

int
act_join(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "ROOM", .doc = "Add sessions to ROOM.", .least = 1, .most = 1, .joins = true};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "join");
	act_line_add(&json, "room", a.words[0]);
	act_line_add_number(&json, "history", "--history", a.history);
	return run_action(c, &json);
}

int
act_leave(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "ROOM", .doc = "Remove sessions from ROOM.", .least = 1, .most = 1};

	return run_with_word(c, argc, argv, &usage, "leave", "room");
}

int
act_set(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "KEY JSON",
	    .doc = "Set the value KEY of sessions to JSON.",
	    .least = 2,
	    .most = 2,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "set");
	act_line_add(&json, "key", a.words[0]);
	act_line_add_json(&json, "value", a.words[1]);
	return run_action(c, &json);
}

int
act_del(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "KEY", .doc = "Delete the value KEY of sessions.", .least = 1, .most = 1};

	return run_with_word(c, argc, argv, &usage, "del", "key");
}

int
act_user(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "[USER]",
	    .doc = "Set the user of sessions to USER; without it, to none.",
	    .most = 1,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "user");
	if (a.words_n > 0)
		act_line_add(&json, "user", a.words[0]);
	else
		act_line_add_json(&json, "user", "null");
	return run_action(c, &json);
}

int
act_after(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "MS NAME [JSON]",
	    .doc = "In MS milliseconds have the application called for the timer NAME of sessions, "
		   "with the context JSON.  It replaces one of that name.",
	    .least = 2,
	    .most = 3,
	};
	struct act a = {.cli = c, .usage = &usage};
	struct buf json = {.p = NULL};

	act_line_read(&a, argc, argv);
	act_line_begin(&json, &a, "after");
	act_line_add_number(&json, "ms", "MS", a.words[0]);
	act_line_add(&json, "name", a.words[1]);
	act_line_add_json(&json, "context", a.words_n > 2 ? a.words[2] : NULL);
	return run_action(c, &json);
}

int
act_cancel(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "NAME", .doc = "Drop the timer NAME of sessions.", .least = 1, .most = 1};

	return run_with_word(c, argc, argv, &usage, "cancel", "name");
}

int
act_kick(struct cli *c, int argc, char **argv)
{
	static const struct act_usage usage = {
	    .words = "[REASON]",
	    .doc = "Disconnect sessions; with -n, from that namespace only.  The application gets "
		   "REASON, \"booted\" by default.",
	    .most = 1,
	};

	return run_with_word(c, argc, argv, &usage, "disconnect", "reason");
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
