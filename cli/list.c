/* Commands that list: sessions, rooms, users. */
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "shared/base/clock.h"
#include "shared/store/listing.h"
#include "shared/wire/sid.h"

#define LIMIT_DEFAULT 1000 /* sessions or users */

/* A listing in progress; with --json it collects in `out`. */
struct list {
	struct cli *cli;
	const char *ns, *room, *user, *node;
	struct listing_filter filter;
	int64_t now_ms; /* since 1970 */
	struct buf out;
	size_t n; /* lines so far */
};

/* --- options -------------------------------------------------------------------------------- */

enum {
	KEY_LIMIT = 0x100,
	KEY_AFTER,
	KEY_NODE,
	KEY_VALUES,
};

static int64_t
key_of_session(struct argp_state *state, const char *id)
{
	int64_t key;

	if (sid_public_read(slice_of(id), &key) == -1)
		argp_error(state, "%s is not a public id (P and 11 characters)", id);
	return key;
}

static error_t
parse_list(int key, char *arg, struct argp_state *state)
{
	struct list *l = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = l->cli;
		return 0;
	case 'n':
		l->ns = arg;
		return 0;
	case 'r':
		l->room = arg;
		return 0;
	case 'u':
		l->user = arg;
		return 0;
	case 's':
		l->filter.key = key_of_session(state, arg);
		return 0;
	case KEY_NODE:
		l->node = arg;
		return 0;
	case KEY_VALUES:
		l->filter.data = slice_of(arg);
		if (!session_data_are_names(l->filter.data))
			argp_error(
			    state, "--values has more than %d names", SESSION_DATA_NAMES_MAX);
		return 0;
	case KEY_AFTER:
		l->filter.after = key_of_session(state, arg);
		return 0;
	case KEY_LIMIT:
		l->filter.limit = (int)options_number(state, "--limit", arg, 1, CLI_NUMBER_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "a list is narrowed by options, not by \"%s\"", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};

/* --- running -------------------------------------------------------------------------------- */

/* Open the store, find the node that is asked about, and begin the list. */
static int
open_list(struct list *l)
{
	int status = cli_open(l->cli);

	if (status == 0)
		status = cli_node(l->cli, l->node, &l->filter.of);
	if (status == 0 && l->cli->json)
		buf_add_char(&l->out, '[');
	return status;
}

/* End the list, which was read with this result.  Return the exit status. */
static int
close_list(struct list *l, int result)
{
	if (l->cli->json)
		buf_puts(&l->out, "]\n");
	if (result == 0)
		return cli_flush(&l->out);
	/* Half a list is not JSON: after an error print none of it. */
	buf_free(&l->out);
	return EX_TEMPFAIL;
}

/* --- sessions ------------------------------------------------------------------------------- */

/* Print text padded to a column; "-" if it is empty.  printf() cannot pad here: it would
 * not mask control characters. */
static void
print_column(struct slice text, int width)
{
	cli_print(stdout, text.n == 0 ? SLICE("-") : text);
	for (int i = text.n == 0 ? 1 : (int)text.n; i < width; i++)
		putchar(' ');
	putchar(' ');
}

static void
print_session(void *arg, const struct listing_session *s)
{
	struct list *l = arg;
	char id[16], seconds[24];

	if (l->cli->json) {
		if (l->n++ > 0)
			buf_add_char(&l->out, ',');
		listing_json_session(&l->out, s, l->now_ms);
		return;
	}
	/* The heading comes with the first line: an empty list prints nothing. */
	if (l->n++ == 0) {
		printf("%-12s ", "ID");
		if (l->filter.names_nodes)
			printf("%-12s ", "NODE");
		printf("%-13s %-15s %8s %-12s %s%s\n", "TRANSPORT", "ADDRESS", "AGE", "USER",
		    "NAMESPACES", l->filter.data.p == NULL ? "" : " VALUES");
	}
	cli_id(id, s->key);
	snprintf(seconds, sizeof(seconds), "%" PRId64, listing_age(s, l->now_ms));
	printf("%-12s ", id);
	if (l->filter.names_nodes)
		print_column(s->node, 12);
	print_column(listing_transport(s), 13);
	print_column(s->address, 15);
	printf("%8s ", seconds);
	print_column(s->user, 12);
	cli_print(stdout, s->namespaces);
	if (s->data.p != NULL) {
		putchar(' ');
		cli_print(stdout, s->data);
	}
	putchar('\n');
}

int
list_sessions(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"namespace", 'n', "NS", 0, "Only sessions in this namespace", 1},
	    {"room", 'r', "ROOM", 0, "Only sessions in this room (of -n)", 1},
	    {"user", 'u', "USER", 0, "Only sessions of this user", 1},
	    {"session", 's', "ID", 0, "Only the session with this public id", 1},
	    {"values", KEY_VALUES, "KEYS", 0, "With these values, as in nick,color", 1},
	    {"limit", KEY_LIMIT, "N", 0, "At most N sessions (default: 1000)", 1},
	    {"after", KEY_AFTER, "ID", 0, "Continue after this session", 1},
	    {"node", KEY_NODE, "NODE", 0, "Only sessions of this node of the cluster", 1},
	    {0},
	};
	static const struct argp argp = {.options = options,
	    .parser = parse_list,
	    .doc = "List sessions by their public ids.",
	    .children = children};
	struct list l = {.cli = c, .filter = {.limit = LIMIT_DEFAULT}};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &l);
	status = open_list(&l);
	if (status != 0)
		return status;
	l.filter.user = slice_of(l.user);
	/* Without -n a room belongs to the default namespace, as in the commands that act. */
	if (l.ns != NULL || l.room != NULL)
		l.filter.chan = message_log_channel(
		    l.ns == NULL ? SLICE("") : slice_of(l.ns), slice_of(l.room));
	l.filter.names_nodes = cli_in_cluster(c);
	l.now_ms = clock_wall_ms();
	return close_list(&l, listing_sessions(hub_store(c->hub), &l.filter, print_session, &l));
}

/* --- rooms ---------------------------------------------------------------------------------- */

static void
print_room(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	struct list *l = arg;

	if (!l->cli->json) {
		if (l->n++ == 0)
			printf("%8s %-20s %s\n", "SESSIONS", "NAMESPACE", "ROOM");
		printf("%8" PRId64 " ", sessions);
		print_column(ns.n == 0 ? SLICE("/") : ns, 20);
		cli_print(stdout, room.p == NULL ? SLICE("-") : room);
		putchar('\n');
		return;
	}
	if (l->n++ > 0)
		buf_add_char(&l->out, ',');
	listing_json_room(&l->out, ns, room, sessions);
}

int
list_rooms(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"namespace", 'n', "NS", 0, "Only rooms of this namespace", 1},
	    {"session", 's', "ID", 0, "Only rooms that this session is in", 1},
	    {"node", KEY_NODE, "NODE", 0, "Count sessions of this node of the cluster", 1},
	    {0},
	};
	static const struct argp argp = {.options = options,
	    .parser = parse_list,
	    .doc = "List namespaces and rooms, and how many sessions are in them.",
	    .children = children};
	struct list l = {.cli = c};
	struct listing_room_filter filter;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &l);
	status = open_list(&l);
	if (status != 0)
		return status;
	filter = (struct listing_room_filter){
	    .of = l.filter.of, .ns = slice_of(l.ns), .key = l.filter.key};
	return close_list(&l, listing_rooms(hub_store(c->hub), &filter, print_room, &l));
}

/* --- users ---------------------------------------------------------------------------------- */

static void
print_user(void *arg, struct slice user, int64_t sessions)
{
	struct list *l = arg;

	if (!l->cli->json) {
		if (l->n++ == 0)
			printf("%8s %s\n", "SESSIONS", "USER");
		printf("%8" PRId64 " ", sessions);
		cli_print(stdout, user);
		putchar('\n');
		return;
	}
	if (l->n++ > 0)
		buf_add_char(&l->out, ',');
	listing_json_user(&l->out, user, sessions);
}

static error_t
parse_users(int key, char *arg, struct argp_state *state)
{
	struct list *l = state->input;

	if (key != KEY_AFTER)
		return parse_list(key, arg, state);
	l->user = arg;
	return 0;
}

int
list_users(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"limit", KEY_LIMIT, "N", 0, "At most N users (default: 1000)", 1},
	    {"after", KEY_AFTER, "USER", 0, "Continue after this user", 1},
	    {"node", KEY_NODE, "NODE", 0, "Count sessions of this node of the cluster", 1},
	    {0},
	};
	static const struct argp argp = {.options = options,
	    .parser = parse_users,
	    .doc = "List users by name, and how many sessions each has.",
	    .children = children};
	struct list l = {.cli = c, .filter = {.limit = LIMIT_DEFAULT}};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &l);
	status = open_list(&l);
	if (status != 0)
		return status;
	return close_list(&l, listing_users(hub_store(c->hub), l.filter.of, slice_of(l.user),
				  l.filter.limit, print_user, &l));
}
