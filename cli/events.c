#include "cli/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/hook/event_id.h"
#include "shared/store/hook_listing.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"

#define LIMIT_DEFAULT 100

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
		e->limit = (int)options_number(state, "--limit", arg, 1, EVENTS_MAX);
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

/* --- commands ------------------------------------------------------------------------------- */

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
	enum store_result found;
	int64_t id;

	for (int i = 0; i < e->words_n; i++) {
		found = STORE_NOT_FOUND;
		if (event_id_read(slice_of(e->words[i]), e->epoch, &id) == 0)
			found = hook_listing_read(st, id, print_whole, e);
		if (found == STORE_NOT_FOUND)
			cli_complain("%s: there is no such event", e->words[i]);
		if (found != STORE_OK)
			return found == STORE_NOT_FOUND ? EX_NOUSER : EX_TEMPFAIL;
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
	return events_change(e);
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
