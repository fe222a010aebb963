#include "cli/act_line.h"

#include <stdlib.h>
#include <sysexits.h>

#include "shared/action/action.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* Add a word of the command line as a JSON string. */
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

/* --- options -------------------------------------------------------------------------------- */

enum {
	KEY_EXCEPT = 0x100,
	KEY_ACK,
	KEY_CONTEXT,
	KEY_TIMEOUT,
	KEY_MAILBOX,
	KEY_HISTORY,
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
		if (a->except.n > 0)
			buf_add_char(&a->except, ',');
		add_string_member(&a->except, arg);
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

/* Options of the commands that send. */
static error_t
parse_sending(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	switch (key) {
	case 'v':
		a->is_volatile = true;
		return 0;
	case KEY_ACK:
		a->ack = arg;
		return 0;
	case KEY_CONTEXT:
		a->context = arg;
		return 0;
	case KEY_TIMEOUT:
		a->timeout = arg;
		return 0;
	case KEY_MAILBOX:
		a->mailbox = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option sending_options[] = {
    {"volatile", 'v', NULL, 0, "Drop it for sessions without an open transport", 2},
    {"ack", KEY_ACK, "NAME", 0, "Ask for an ack, which the application gets under NAME", 2},
    {"context", KEY_CONTEXT, "JSON", 0, "With --ack: what the application gets with it", 2},
    {"mailbox", KEY_MAILBOX, "SECONDS", 0, "With -u: keep it for a user who is away", 2},
    {"timeout", KEY_TIMEOUT, "MS", 0, "With --ack: wait no longer than so many milliseconds", 2},
    {0},
};

static const struct argp sending_argp = {.options = sending_options, .parser = parse_sending};

/* Options of the command that joins. */
static error_t
parse_joining(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	if (key != KEY_HISTORY)
		return ARGP_ERR_UNKNOWN;
	a->history = arg;
	return 0;
}

static const struct argp_option joining_options[] = {
    {"history", KEY_HISTORY, "N", 0, "Send them the last N messages of the room", 2},
    {0},
};

static const struct argp joining_argp = {.options = joining_options, .parser = parse_joining};

/* --- the command line ----------------------------------------------------------------------- */

static error_t
parse_action_words(int key, char *arg, struct argp_state *state)
{
	struct act *a = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT: /* in the order of the children below */
		state->child_inputs[0] = a->cli;
		if (!a->usage->no_target)
			state->child_inputs[1] = a;
		if (a->usage->sends || a->usage->joins)
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

void
act_line_read(struct act *a, int argc, char **argv)
{
	const struct act_usage *usage = a->usage;
	/* the first without options is the end of the list */
	const struct argp_child children[] = {
	    {&options_argp, 0, NULL, 0},
	    {usage->no_target ? NULL : &target_argp, 0, NULL, 0},
	    {usage->sends      ? &sending_argp
		: usage->joins ? &joining_argp
			       : NULL,
		0, NULL, 0},
	    {0},
	};
	const struct argp argp = {.parser = parse_action_words,
	    .args_doc = usage->words,
	    .doc = usage->doc,
	    .children = children};
	int targets;

	/* argp checks options, and exits; how many targets and words there are is up to us. */
	argp_parse(&argp, argc, argv, 0, NULL, a);
	targets = (a->room != NULL) + (a->session != NULL) + (a->user != NULL) + a->all;
	if (!usage->no_target && targets != 1)
		cli_complain("give exactly one target: -r ROOM, -s ID, -u USER or -a");
	else if (a->words_n < usage->least || (usage->most >= 0 && a->words_n > usage->most))
		cli_complain("usage: %s [OPTION...] %s", argv[0], usage->words);
	else
		return;
	exit(EX_USAGE);
}

/* --- as JSON -------------------------------------------------------------------------------- */

void
act_line_add(struct buf *out, const char *name, const char *text)
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

void
act_line_add_json(struct buf *out, const char *name, const char *json)
{
	if (json == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	add_json_word(out, json);
}

void
act_line_add_number(struct buf *out, const char *name, const char *what, const char *text)
{
	unsigned n;

	if (text == NULL)
		return;
	if (!slice_number(slice_of(text), 9, CLI_NUMBER_MAX, &n)) {
		cli_complain("%s needs a number from 0 to %d", what, CLI_NUMBER_MAX);
		exit(EX_USAGE);
	}
	buf_printf(out, ",\"%s\":%u", name, n);
}

/* Add what the commands that send are told by options. */
static void
add_sending_options(struct buf *out, const struct act *a)
{
	if (a->is_volatile)
		buf_puts(out, ",\"volatile\":true");
	act_line_add(out, "ack", a->ack);
	act_line_add_json(out, "context", a->context);
	act_line_add_number(out, "timeout_ms", "--timeout", a->timeout);
	act_line_add_number(out, "mailbox", "--mailbox", a->mailbox);
}

void
act_line_begin(struct buf *out, struct act *a, const char *verb)
{
	/* A session that is gone is an error if it was named, but not if it was in a room. */
	buf_printf(out, "{\"strict\":%s,\"actions\":[{\"do\":\"%s\"",
	    a->session != NULL || a->usage->no_target ? "true" : "false", verb);
	if (a->usage->no_target)
		return;
	buf_puts(out, ",\"to\":{\"ns\":");
	add_string_member(out, a->ns == NULL ? "" : a->ns);
	act_line_add(out, "room", a->room);
	act_line_add(out, "session", a->session);
	act_line_add(out, "user", a->user);
	if (a->except.n > 0) {
		buf_puts(out, ",\"except\":[");
		buf_add_slice(out, buf_slice(&a->except));
		buf_add_char(out, ']');
	}
	out->failed = out->failed || a->except.failed;
	buf_free(&a->except);
	buf_add_char(out, '}');
	add_sending_options(out, a);
}

void
act_line_add_args(struct buf *out, const struct act *a)
{
	buf_puts(out, ",\"args\":[");
	for (int i = 1; i < a->words_n; i++) {
		if (i > 1)
			buf_add_char(out, ',');
		add_json_word(out, a->words[i]);
	}
	buf_add_char(out, ']');
}
