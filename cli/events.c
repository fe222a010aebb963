/* The command `events`: the events for the web hook that wait, and those that could not be
 * delivered. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cli/cli.h"
#include "shared/base/clock.h"
#include "shared/hook/event_id.h"
#include "shared/store/hook_listing.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     100000

/* The command line. */
struct events {
	struct cli *cli;
	const char *verb;
	char **words; /* the ids */
	int words_n;
	int limit;
	bool all, dead, queued;
	const char *epoch; /* of the database; after cli_open() */
	size_t n;          /* events so far */
	struct buf out;    /* with --json */
};

enum {
	KEY_DEAD = 0x100,
	KEY_QUEUED,
	KEY_ALL,
	KEY_LIMIT,
};

static error_t
parse_events(int key, char *arg, struct argp_state *state)
{
	struct events *e = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = e->cli;
		return 0;
	case KEY_DEAD:
		e->dead = true;
		return 0;
	case KEY_QUEUED:
		e->queued = true;
		return 0;
	case KEY_ALL:
		e->all = true;
		return 0;
	case KEY_LIMIT:
		e->limit = atoi(arg);
		if (e->limit < 1 || e->limit > LIMIT_MAX)
			argp_error(state, "--limit needs a number from 1 to %d", LIMIT_MAX);
		return 0;
	case ARGP_KEY_ARGS:
		e->verb = state->argv[state->next];
		e->words = state->argv + state->next + 1;
		e->words_n = state->argc - state->next - 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- one event ------------------------------------------------------------------------------ */

/* The member of an event's object, decoded into `out`; which stays empty without one. */
static void
read_event_member(struct buf *out, const struct hook_listed *event, const char *name)
{
	struct buf object = {.p = NULL};
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;

	if (!event->is_dead)
		buf_add_char(&object, '{');
	buf_add_slice(&object, event->body);
	if (!event->is_dead)
		buf_add_char(&object, '}');
	if (!object.failed && json_parse(&all, buf_slice(&object)) == 0 &&
	    all.kind == JSON_KIND_OBJECT) {
		json_walk_begin(&walk, &all);
		while (json_walk_member(&walk, &key, &value))
			if (json_string_is(key, name) && value.kind == JSON_KIND_STRING)
				json_string_decode(out, value.text);
	}
	buf_free(&object);
}

static void
write_event_time(char text[32], int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, 32, "-");
}

static void
write_event_json(struct events *e, const struct hook_listed *event)
{
	struct buf *out = &e->out;
	char id[EVENT_ID_MAX], session[16];

	event_id_write(id, e->epoch, event->id);
	if (e->n > 0)
		buf_add_char(out, ',');
	buf_printf(out, "{\"id\":\"%s\",\"dead\":%s,\"time\":%" PRId64, id,
	    event->is_dead ? "true" : "false", event->time);
	if (event->key > 0)
		buf_printf(out, ",\"session\":\"%s\"", cli_id(session, event->key));
	buf_puts(out, ",\"ns\":");
	json_write_string(out, event->ns);
	if (event->is_dead) {
		buf_puts(out, ",\"error\":");
		json_write_string(out, event->error);
	} else {
		buf_printf(out, ",\"attempts\":%d", event->attempts);
	}
	buf_puts(out, ",\"event\":");
	if (!event->is_dead)
		buf_add_char(out, '{');
	buf_add_slice(out, event->body);
	buf_puts(out, event->is_dead ? "}" : "}}");
}

static void
print_listed(void *arg, const struct hook_listed *event)
{
	struct events *e = arg;
	struct buf type = {.p = NULL}, name = {.p = NULL};
	char id[EVENT_ID_MAX], when[32], session[16];

	if (e->cli->json) {
		write_event_json(e, event);
		e->n++;
		return;
	}
	if (e->n++ == 0)
		printf("%-24s %-20s %-12s %-6s %s\n", "ID", "TIME", "SESSION", "STATE", "EVENT");
	event_id_write(id, e->epoch, event->id);
	write_event_time(when, event->time);
	read_event_member(&type, event, "type");
	read_event_member(&name, event, "name");
	printf("%-24s %-20s %-12s %-6s ", id, when,
	    event->key > 0 ? cli_id(session, event->key) : "-", event->is_dead ? "dead" : "queued");
	cli_print(stdout, event->ns.n == 0 ? SLICE("/") : event->ns);
	putchar(' ');
	cli_print(stdout, buf_slice(&type));
	if (name.n > 0) {
		putchar(' ');
		cli_print(stdout, buf_slice(&name));
	}
	if (event->is_dead) {
		fputs(": ", stdout);
		cli_print(stdout, event->error);
	} else if (event->attempts > 0) {
		printf(": %d attempt%s failed", event->attempts, event->attempts == 1 ? "" : "s");
	}
	putchar('\n');
	buf_free(&type);
	buf_free(&name);
}

static void
print_whole(void *arg, const struct hook_listed *event)
{
	struct events *e = arg;
	char id[EVENT_ID_MAX], when[32];

	if (e->cli->json) {
		write_event_json(e, event);
		e->n++;
		return;
	}
	if (e->n++ > 0)
		putchar('\n');
	event_id_write(id, e->epoch, event->id);
	write_event_time(when, event->time);
	printf("%s %s, %s\n", id, event->is_dead ? "dead" : "queued", when);
	if (event->is_dead) {
		fputs("error: ", stdout);
		cli_print(stdout, event->error);
		putchar('\n');
	} else {
		printf("attempts that failed: %d\n", event->attempts);
	}
	if (!event->is_dead)
		putchar('{');
	cli_print(stdout, event->body);
	fputs(event->is_dead ? "\n" : "}\n", stdout);
}

/* --- which ---------------------------------------------------------------------------------- */

/* Read the ids of the command line into `ids`, words_n of them.  Return 0 or EX_USAGE. */
static int
read_event_ids(const struct events *e, int64_t *ids)
{
	for (int i = 0; i < e->words_n; i++)
		if (event_id_read(slice_of(e->words[i]), e->epoch, &ids[i]) == -1) {
			cli_complain("%s is not the id of an event of this database; see `pollux "
				     "events list`",
			    e->words[i]);
			return EX_USAGE;
		}
	return 0;
}

struct id_list {
	int64_t *at;
	size_t n, room;
};

static void
add_listed_id(void *arg, const struct hook_listed *event)
{
	struct id_list *list = arg;

	if (list->n < list->room)
		list->at[list->n++] = event->id;
}

/* --- retry ---------------------------------------------------------------------------------- */

/* The members that the queue adds itself when it sends an event. */
static bool
is_added(const struct hook_listed *event, struct slice key, bool lives)
{
	static const char *const always[] = {"id", "time", "ns", "ack", "retry_of"};
	static const char *const of_session[] = {"session", "user", "data"};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (json_string_is(key, always[i]))
			return true;
	if (event->key <= 0) /* not of a session */
		return false;
	/* of one that has ended nothing more is known than what is here */
	for (size_t i = 0; i < (lives ? 3 : 1); i++)
		if (json_string_is(key, of_session[i]))
			return true;
	return false;
}

/* Make the members of the queue's row from the object that was sent. */
static int
write_revived(struct buf *out, const struct hook_listed *event, const char *old_id, bool lives)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;

	if (json_parse(&all, event->body) == -1 || all.kind != JSON_KIND_OBJECT)
		return -1;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		if (is_added(event, key, lives))
			continue;
		buf_add_slice(out, key);
		buf_add_char(out, ':');
		buf_add_slice(out, value.text);
		buf_add_char(out, ',');
	}
	buf_printf(out, "\"retry_of\":\"%s\"", old_id);
	return out->failed ? -1 : 0;
}

/* A copy of a dead event, since its row must not be open while the store is written. */
struct dead_copy {
	struct hook_listed event;
	struct buf texts;
};

static void
copy_dead(void *arg, const struct hook_listed *event)
{
	struct dead_copy *copy = arg;
	struct slice *to[] = {&copy->event.ns, &copy->event.ack, &copy->event.body};
	const struct slice *from[] = {&event->ns, &event->ack, &event->body};

	copy->event = *event;
	buf_reserve(&copy->texts, event->ns.n + event->ack.n + event->body.n + 1);
	for (size_t i = 0; i < 3; i++) {
		size_t at = copy->texts.n;

		buf_add_slice(&copy->texts, *from[i]);
		if (from[i]->p != NULL)
			*to[i] = (struct slice){copy->texts.p + at, from[i]->n};
	}
}

/* Put one event back; one that waits is hurried with all others.  Return 0, or an exit status. */
static int
retry_event(struct events *e, int64_t id)
{
	struct store *st = hub_store(e->cli->hub);
	struct dead_copy copy = {.texts = {.p = NULL}};
	struct buf body = {.p = NULL};
	struct session *s;
	char old_id[EVENT_ID_MAX];
	int64_t new_id;
	int status = 0;
	bool lives;

	event_id_write(old_id, e->epoch, id);
	switch (hook_listing_read(st, id, copy_dead, &copy)) {
	case STORE_OK:
		break;
	case STORE_NOT_FOUND:
		cli_complain("%s: there is no such event", old_id);
		status = EX_NOUSER;
		goto end;
	default:
		status = EX_TEMPFAIL;
		goto end;
	}
	if (!copy.event.is_dead || copy.texts.failed)
		goto end;
	lives = session_find_key(e->cli->hub, copy.event.key, &s) == SESSION_LIVE;
	if (!lives) /* nobody waits for the answer */
		copy.event.ack = (struct slice){NULL, 0};
	if (write_revived(&body, &copy.event, old_id, lives) == -1) {
		cli_complain("%s: its body cannot be read", old_id);
		status = EX_DATAERR;
	} else if (hook_listing_revive(st, &copy.event, buf_slice(&body), clock_ms(), &new_id) ==
		   -1) {
		status = EX_TEMPFAIL;
	}
end:
	buf_free(&copy.texts);
	buf_free(&body);
	e->n += status == 0;
	return status;
}

static int
retry_events(struct events *e, const int64_t *ids, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++)
		status = retry_event(e, ids[i]);
	if (status == 0 && hook_listing_hurry(hub_store(e->cli->hub)) == -1)
		status = EX_TEMPFAIL;
	return status;
}

static int
drop_events(struct events *e, const int64_t *ids, size_t n)
{
	struct store *st = hub_store(e->cli->hub);
	struct dead_copy copy = {.texts = {.p = NULL}};
	char text[EVENT_ID_MAX];
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		enum store_result found = hook_listing_read(st, ids[i], copy_dead, &copy);

		buf_clear(&copy.texts);
		if (found == STORE_NOT_FOUND) {
			event_id_write(text, e->epoch, ids[i]);
			cli_complain("%s: there is no such event", text);
			status = EX_NOUSER;
		} else if (found != STORE_OK || hook_listing_drop(st, ids[i]) == -1) {
			status = EX_TEMPFAIL;
		} else {
			e->n++;
		}
	}
	buf_free(&copy.texts);
	return status;
}

/* --- commands ------------------------------------------------------------------------------- */

/* Change events in one transaction: all, or none. */
static int
change_events(struct events *e, int (*change)(struct events *, const int64_t *, size_t))
{
	struct hub *hub = e->cli->hub;
	struct id_list list = {.room = e->all ? LIMIT_MAX : (size_t)e->words_n};
	int status = 0;

	list.at = calloc(list.room + 1, sizeof(*list.at));
	if (list.at == NULL)
		return EX_OSERR;
	cli_begin(e->cli);
	if (transaction_open(hub) == -1) {
		status = EX_TEMPFAIL;
	} else if (!e->all) {
		status = read_event_ids(e, list.at);
		list.n = (size_t)e->words_n;
	} else if ((!e->queued && hook_listing_each(hub_store(hub), true, 0, LIMIT_MAX,
				      add_listed_id, &list) == -1) ||
		   (e->queued && hook_listing_each(hub_store(hub), false, 0, LIMIT_MAX,
				     add_listed_id, &list) == -1)) {
		status = EX_TEMPFAIL;
	}
	if (status == 0)
		status = change(e, list.at, list.n);
	if (status != 0)
		transaction_fail(hub);
	if (cli_settle(e->cli) == -1 && status == 0) {
		cli_complain("cannot write to the store");
		status = EX_TEMPFAIL;
	}
	/* after the commit, or the old rows would be read once more */
	if (status == 0)
		slots_ask_hook_again(store_slots(hub_store(hub)));
	free(list.at);
	if (status == 0)
		printf(e->cli->json ? "{\"events\":%zu}\n" : "%zu event%s\n", e->n,
		    e->n == 1 ? "" : "s");
	return status;
}

static int
list_events(struct events *e)
{
	struct store *st = hub_store(e->cli->hub);
	int result = 0;

	if (e->dead || !e->queued)
		result = hook_listing_each(st, true, 0, e->limit, print_listed, e);
	if (result == 0 && (e->queued || !e->dead))
		result = hook_listing_each(st, false, 0, e->limit, print_listed, e);
	return result == -1 ? EX_TEMPFAIL : 0;
}

static int
show_events(struct events *e)
{
	struct store *st = hub_store(e->cli->hub);
	int64_t id;

	for (int i = 0; i < e->words_n; i++) {
		if (event_id_read(slice_of(e->words[i]), e->epoch, &id) == -1 ||
		    hook_listing_read(st, id, print_whole, e) != STORE_OK) {
			cli_complain("%s: there is no such event", e->words[i]);
			return EX_NOUSER;
		}
	}
	return 0;
}

static int
run_listing(struct events *e, int (*run)(struct events *))
{
	int status;

	if (e->cli->json)
		buf_add_char(&e->out, '[');
	status = run(e);
	if (e->cli->json)
		buf_puts(&e->out, "]\n");
	if (status == 0 && e->cli->json)
		return cli_flush(&e->out);
	buf_free(&e->out);
	return status;
}

static int
run_events_verb(struct events *e)
{
	if (strcmp(e->verb, "list") == 0)
		return run_listing(e, list_events);
	if (strcmp(e->verb, "show") == 0)
		return run_listing(e, show_events);
	return change_events(e, strcmp(e->verb, "retry") == 0 ? retry_events : drop_events);
}

static bool
is_events_line(const struct events *e)
{
	bool list = e->verb != NULL && strcmp(e->verb, "list") == 0;
	bool show = e->verb != NULL && strcmp(e->verb, "show") == 0;
	bool changes =
	    e->verb != NULL && (strcmp(e->verb, "retry") == 0 || strcmp(e->verb, "drop") == 0);

	if (list)
		return e->words_n == 0 && !e->all;
	if (show)
		return e->words_n > 0 && !e->all;
	return changes && e->all == (e->words_n == 0);
}

int
events_run(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"dead", KEY_DEAD, NULL, 0, "Only those that could not be delivered", 1},
	    {"queued", KEY_QUEUED, NULL, 0, "Only those that wait; with --all: these", 1},
	    {"all", KEY_ALL, NULL, 0, "retry, drop: all that could not be delivered", 1},
	    {"limit", KEY_LIMIT, "N", 0, "list: at most N of each kind (default: 100)", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_events,
	    .args_doc = "list\nshow ID...\nretry ID... | --all\ndrop ID... | --all",
	    .doc = "Look at the events for the web hook that wait or could not be delivered; send "
		   "them again, or drop them.",
	    .children = children};
	struct events e = {.cli = c, .limit = LIMIT_DEFAULT};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &e);
	if (!is_events_line(&e)) {
		cli_complain("usage: %s list | show ID... | retry ID... | drop ID...; --all "
			     "instead of the ids",
		    argv[0]);
		return EX_USAGE;
	}
	status = cli_open(c);
	if (status != 0)
		return status;
	e.epoch = store_epoch(hub_store(c->hub));
	return run_events_verb(&e);
}
