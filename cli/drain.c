/* The command `drain`: takes the machine out of service, and waits until its sessions have gone.
 * The state is the data folder's, and the processes that serve it do the work (shared/hub/drain.h):
 * it goes on when this command is interrupted, and it can be asked for again. */
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "shared/hub/drain.h"
#include "shared/store/slots.h"
#include "shared/wire/utf8.h"

#define RATE_DEFAULT 50
#define LOOK_MS      200

struct drain_call {
	struct cli *cli;
	unsigned rate;     /* 0: not given */
	const char *event; /* NULL: none */
	bool cancel, no_wait;
};

enum {
	KEY_RATE = 0x100,
	KEY_EVENT,
	KEY_CANCEL,
	KEY_NO_WAIT,
};

static error_t
parse_drain(int key, char *arg, struct argp_state *state)
{
	struct drain_call *d = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = d->cli;
		return 0;
	case KEY_RATE:
		d->rate = options_number(state, "--rate", arg, 1, DRAIN_RATE_MAX);
		return 0;
	case KEY_EVENT:
		d->event = arg;
		if (arg[0] == '\0' || !utf8_valid(slice_of(arg)))
			argp_error(state, "--event needs the name of an event");
		return 0;
	case KEY_CANCEL:
		d->cancel = true;
		return 0;
	case KEY_NO_WAIT:
		d->no_wait = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "drain takes no argument \"%s\"", arg);
		return 0;
	case ARGP_KEY_END:
		if (d->cancel && (d->rate != 0 || d->event != NULL || d->no_wait))
			argp_error(state, "--cancel goes with no other option of drain");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Send the event to all clients of this machine; those of other nodes are not meant. */
static int
send_drain_event(struct cli *c, const char *event)
{
	cli_begin(c);
	(void)drain_tell(c->hub, slice_of(event));
	if (cli_settle(c) == 0)
		return 0;
	cli_complain("the event could not be sent; nothing has changed");
	return EX_TEMPFAIL;
}

static void
print_drain(const struct cli *c, int64_t left)
{
	uint64_t ended = slots_drained(store_slots(hub_store(c->hub)));

	if (c->json)
		printf("{\"draining\":true,\"sessions\":%" PRId64 ",\"ended\":%" PRIu64 "}\n", left,
		    ended);
	else if (left > 0)
		printf("%" PRId64 " sessions left\n", left);
	else
		printf("drained: no session is left\n");
	fflush(stdout);
}

/* Wait until no session is left, and tell how many are, once a second.  Return the exit status. */
static int
await_drain(struct cli *c)
{
	int64_t left, told = -1;

	for (int round = 0;; round++) {
		/* a turn of our own keeps our cursor moving: the log is not trimmed before it */
		cli_begin(c);
		cli_settle(c);
		if (cli_must_leave(c))
			return EX_UNAVAILABLE;
		left = drain_left(c->hub);
		if (left == -1)
			return EX_TEMPFAIL;
		if (left != told && (left == 0 || round % (1000 / LOOK_MS) == 0))
			print_drain(c, told = left);
		if (left == 0)
			return 0;
		if (slots_drain(store_slots(hub_store(c->hub))) == 0) {
			cli_complain("another command has cancelled it");
			return EX_TEMPFAIL;
		}
		if (!cli_is_served(c)) {
			cli_complain("no Pollux process is running: the next one will end them");
			return EX_TEMPFAIL;
		}
		if (!cli_wait(-1, LOOK_MS)) {
			cli_complain("it goes on; pollux drain --cancel ends it");
			return EX_TEMPFAIL;
		}
	}
}

static int
cancel_drain(struct cli *c)
{
	bool was_on = slots_drain(store_slots(hub_store(c->hub))) != 0;

	/* even if it was not on: no process may have read the file yet */
	if (drain_stop(c->hub) == -1)
		return EX_TEMPFAIL;
	if (c->json)
		puts("{\"draining\":false}");
	else
		puts(was_on ? "in service again" : "it was not being drained");
	return 0;
}

int
drain_machine(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"rate", KEY_RATE, "N", 0, "End so many sessions in a second (default: 50)", 1},
	    {"event", KEY_EVENT, "NAME", 0, "Before that, send this event to every client", 1},
	    {"no-wait", KEY_NO_WAIT, NULL, 0, "Do not wait until no session is left", 1},
	    {"cancel", KEY_CANCEL, NULL, 0, "Be in service again", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_drain,
	    .doc = "Take this machine out of service: make no more sessions, and end those that "
		   "there are, so that their clients come back elsewhere.",
	    .children = children};
	struct drain_call d = {.cli = c};
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &d);
	status = cli_open(c);
	if (status != 0)
		return status;
	if (d.cancel)
		return cancel_drain(c);
	/* the event before the state: the first session may end at once */
	if (d.event != NULL)
		status = send_drain_event(c, d.event);
	if (status == 0 && drain_start(c->hub, d.rate != 0 ? d.rate : RATE_DEFAULT) == -1)
		status = EX_TEMPFAIL;
	if (status != 0 || d.no_wait)
		return status;
	cli_catch_signals();
	return await_drain(c);
}
