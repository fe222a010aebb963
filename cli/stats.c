/* The commands `stats` and `top`: counts, once or every few seconds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/numbers.h"
#include "shared/transport/server.h"

#define ROOMS_SHOWN     10
#define PROCESSES_SHOWN 20

/* --- stats ---------------------------------------------------------------------------------- */

struct count {
	struct cli *cli;
	const char *node;
};

enum {
	KEY_NODE = 0x100,
};

static error_t
parse_stats(int key, char *arg, struct argp_state *state)
{
	struct count *count = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = count->cli;
		return 0;
	case KEY_NODE:
		count->node = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
stats_once(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"node", KEY_NODE, "NODE", 0, "Only this node of the cluster", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_stats,
	    .doc = "Count processes, sessions, rooms, packets.",
	    .children = children};
	static struct numbers of;
	struct count count = {.cli = c};
	struct buf out = {.p = NULL};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &count);
	status = cli_open(c);
	if (status == 0)
		status = cli_node(c, count.node, &of.of);
	if (status != 0)
		return status;
	if (numbers_collect(c, &of) == -1)
		return EX_TEMPFAIL;
	if (c->json)
		numbers_write_json(&out, &of);
	else
		numbers_write_text(&out, &of);
	return cli_flush(&out);
}

/* --- top ------------------------------------------------------------------------------------ */

struct top {
	struct cli *cli;
	const char *node;
	double interval_s;
	int rounds; /* 0: until interrupted */
};

/* The same process in an earlier count, or NULL.  A slot is reused: its pid must match too. */
static const struct process *
earlier_count(const struct numbers *last, const struct process *p)
{
	for (int i = 0; i < last->n; i++)
		if (last->processes[i].slot == p->slot &&
		    last->processes[i].info.pid == p->info.pid)
			return &last->processes[i];
	return NULL;
}

static void
write_processes(
    struct buf *out, const struct numbers *of, const struct numbers *last, double seconds)
{
	int shown = of->n < PROCESSES_SHOWN ? of->n : PROCESSES_SHOWN;

	buf_puts(out, "\n    PID KIND    HELD     IN/s    OUT/s\n");
	for (int i = 0; i < shown; i++) {
		const struct process *p = &of->processes[i], *was = earlier_count(last, p);
		/* A new process has no rate yet. */
		double in =
		    was == NULL ? 0 : (double)(p->info.received - was->info.received) / seconds;
		double sent = was == NULL ? 0 : (double)(p->info.sent - was->info.sent) / seconds;

		buf_printf(out, "%7d %-5s %6u %8.0f %8.0f\n", p->info.pid,
		    server_kind_name(p->info.kind), p->info.held, in, sent);
	}
	if (shown < of->n)
		buf_printf(out, "    ... and %d more\n", of->n - shown);
}

/* The rooms with the most sessions. */
struct largest {
	struct {
		char name[64];
		int64_t sessions;
	} rooms[ROOMS_SHOWN];
};

/* A NUL is shown as cli_print() shows other controls, instead of ending the name. */
static void
copy_room_name(char *to, size_t size, struct slice ns, struct slice room)
{
	size_t n = (size_t)snprintf(
	    to, size, "%.*s ", (int)(ns.n < size / 2 ? ns.n : size / 2), ns.n == 0 ? "" : ns.p);

	for (size_t i = 0; i < room.n && n < size - 1; i++)
		to[n++] = room.p[i] == '\0' ? '?' : room.p[i];
	to[n] = '\0';
}

/* Insert a room where it belongs; the largest comes first, and the smallest drops out. */
static void
count_room(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	struct largest *l = arg;
	int at = ROOMS_SHOWN;

	if (room.p == NULL) /* the namespace itself */
		return;
	while (at > 0 && l->rooms[at - 1].sessions < sessions)
		at--;
	if (at == ROOMS_SHOWN)
		return;
	memmove(
	    &l->rooms[at + 1], &l->rooms[at], (size_t)(ROOMS_SHOWN - 1 - at) * sizeof(l->rooms[0]));
	l->rooms[at].sessions = sessions;
	copy_room_name(l->rooms[at].name, sizeof(l->rooms[at].name), ns, room);
}

static void
print_rooms(const struct largest *l)
{
	if (l->rooms[0].sessions > 0)
		puts("\n SESSIONS ROOM");
	for (int i = 0; i < ROOMS_SHOWN && l->rooms[i].sessions > 0; i++) {
		printf("%9" PRId64 " ", l->rooms[i].sessions);
		cli_print(stdout, slice_of(l->rooms[i].name));
		putchar('\n');
	}
}

static int
show_stats(struct cli *c, const struct numbers *of, const struct numbers *last, double seconds)
{
	struct largest largest;
	struct buf out = {.p = NULL};
	int status;

	if (c->json) {
		numbers_write_json(&out, of);
		return cli_flush(&out);
	}
	/* Look up everything before printing: an error must not leave half a screen. */
	memset(&largest, 0, sizeof(largest));
	if (listing_rooms(hub_store(c->hub), &(struct listing_room_filter){.of = of->of},
		count_room, &largest) == -1)
		return EX_TEMPFAIL;
	if (isatty(STDOUT_FILENO))
		buf_puts(&out, "\033[H\033[2J"); /* cursor home, clear the screen */
	numbers_write_text(&out, of);
	if (numbers_shown_node(of) == NULL) {
		if (of->cluster.is_on && !of->of.is_one)
			cluster_write_table(&out, &of->cluster, numbers_open_sessions(&of->totals));
		write_processes(&out, of, last, seconds);
	}
	status = cli_flush(&out);
	print_rooms(&largest);
	return status;
}

static error_t
parse_top(int key, char *arg, struct argp_state *state)
{
	struct top *top = state->input;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = top->cli;
		return 0;
	case KEY_NODE:
		top->node = arg;
		return 0;
	case 'i':
		top->interval_s = strtod(arg, &end);
		if (*end != '\0' || !(top->interval_s >= 0.1 && top->interval_s <= 3600))
			argp_error(state, "--interval needs seconds from 0.1 to 3600");
		return 0;
	case 'N':
		top->rounds = (int)options_number(state, "--rounds", arg, 1, CLI_NUMBER_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "top takes no argument \"%s\"", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
stats_top(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"interval", 'i', "SECONDS", 0, "Seconds between counts (default: 1)", 1},
	    {"rounds", 'N', "N", 0, "Stop after N counts", 1},
	    {"node", KEY_NODE, "NODE", 0, "Only this node of the cluster", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_top,
	    .doc = "Count again and again, until interrupted.",
	    .children = children};
	static struct numbers now, last;
	struct top top = {.cli = c, .interval_s = 1};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &top);
	status = cli_open(c);
	if (status == 0)
		status = cli_node(c, top.node, &now.of);
	/* Ctrl-C ends the wait between two rounds, never a round half printed. */
	cli_catch_signals();
	for (int round = 1; status == 0; round++) {
		/* A turn per round moves our cursor, or the log would be kept for us. */
		cli_begin(c);
		cli_settle(c);
		if (cli_must_leave(c))
			return EX_UNAVAILABLE;
		if (numbers_collect(c, &now) == -1)
			return EX_TEMPFAIL;
		status = show_stats(c, &now, &last, top.interval_s);
		/* Each round at once, also into a pipe; its reader may be gone. */
		if (fflush(stdout) != 0)
			return EX_IOERR;
		last = now;
		if (round == top.rounds || !cli_wait(-1, (int)(top.interval_s * 1000)))
			break;
	}
	return status;
}
