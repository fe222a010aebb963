/* The command `tail`: packets as they pass, of some sessions or of all. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>

#include "cli/cli.h"
#include "shared/base/clock.h"
#include "shared/store/listing.h"
#include "shared/store/slots.h"
#include "shared/store/watch.h"
#include "shared/wire/json.h"
#include "shared/wire/packet.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

#define TURN_MS  1000 /* take a turn of the hub at least this often */
#define LAST_MAX 1000

#define TAIL_LOG 'l' /* beside enum watch_kind: a packet of the log */

enum {
	KEY_LAST = 0x100,
};

struct tail {
	int fd; /* copies of packets come in here */
	struct cli *cli;
	struct watch_wish wish;
	const char *ns, *room, *user; /* NULL: not given */
	int last;                     /* packets to show from the log first */
	bool raw;
	struct buf scratch;
	struct {
		bool known;
		uint32_t next; /* number of its next datagram */
	} processes[SLOTS_MAX];
};

/* A packet to show. */
struct sight {
	const struct watch_head *head;
	struct slice text;
	bool cut; /* the packet was longer than a datagram */
	int64_t wall_ms;
	char time[32];
	char id[16];
};

static void
write_time(char text[32], int64_t wall_ms)
{
	time_t now = (time_t)(wall_ms / 1000);
	struct tm utc;
	char seconds[24];

	gmtime_r(&now, &utc);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, 32, "%s.%03uZ", seconds, (unsigned)(wall_ms % 1000));
}

static const char *
direction_name(char kind)
{
	switch (kind) {
	case WATCH_IN:
		return "in";
	case WATCH_END:
		return "end";
	case TAIL_LOG:
		return "log";
	default:
		return "out";
	}
}

static const char *
packet_type_name(enum packet_type type)
{
	static const char *const names[] = {"disconnect", "connect", "heartbeat", "message", "json",
	    "event", "ack", "error", "noop"};

	return names[type];
}

/* --- as text -------------------------------------------------------------------------------- */

static void
print_data(struct tail *t, const struct packet *pk)
{
	struct event event;
	struct ack ack;

	if (pk->type == PACKET_EVENT && packet_event(&event, pk->data, &t->scratch) == 0) {
		putchar(' ');
		cli_print(stdout, event.name);
		putchar(' ');
		cli_print(stdout, event.args);
	} else if (pk->type == PACKET_ACK && packet_ack(&ack, pk->data) == 0) {
		putchar(' ');
		cli_print(stdout, ack.id);
		putchar(' ');
		cli_print(stdout, ack.args);
	} else if (pk->data.n > 0) {
		putchar(' ');
		cli_print(stdout, pk->data);
	}
}

static void
print_text(struct tail *t, const struct sight *s)
{
	struct packet pk;

	/* The time of day: the date is in the JSON. */
	printf("%s %s %-3s ", s->time + 11, s->id, direction_name(s->head->kind));
	/* Show what does not parse as it is: finding such packets is what the command is for. */
	if (t->raw || s->head->kind == WATCH_END || packet_parse(&pk, s->text) == -1) {
		cli_print(stdout, s->text);
	} else {
		fputs(packet_type_name(pk.type), stdout);
		if (pk.id.n > 0)
			printf(" #%.*s%s", (int)pk.id.n, pk.id.p, pk.ack_data ? "+" : "");
		if (pk.endpoint.n > 0) {
			putchar(' ');
			cli_print(stdout, pk.endpoint);
		}
		print_data(t, &pk);
	}
	if (s->cut)
		printf(" ... (%u bytes)", s->head->n);
	putchar('\n');
}

/* --- as JSON -------------------------------------------------------------------------------- */

static void
add_shown_text(struct buf *out, const char *name, struct slice text)
{
	struct buf clean = {.p = NULL};

	buf_printf(out, ",\"%s\":", name);
	if (utf8_valid(text)) {
		json_write_string(out, text);
		return;
	}
	/* A packet may be cut inside a character, or have been invalid from the start. */
	utf8_sanitize(&clean, text);
	json_write_string(out, buf_slice(&clean));
	buf_free(&clean);
}

static void
add_shown_data(struct tail *t, struct buf *out, const struct packet *pk)
{
	struct json_value value;
	struct event event;
	struct ack ack;

	if (pk->type == PACKET_EVENT && packet_event(&event, pk->data, &t->scratch) == 0) {
		add_shown_text(out, "name", event.name);
		buf_puts(out, ",\"args\":");
		buf_add_slice(out, event.args);
	} else if (pk->type == PACKET_ACK && packet_ack(&ack, pk->data) == 0) {
		add_shown_text(out, "answers", ack.id);
		buf_puts(out, ",\"args\":");
		buf_add_slice(out, ack.args);
	} else if (pk->type == PACKET_JSON && json_parse(&value, pk->data) == 0) {
		buf_puts(out, ",\"value\":");
		buf_add_slice(out, value.text);
	} else if (pk->type == PACKET_MESSAGE) {
		add_shown_text(out, "text", pk->data);
	} else if (pk->data.n > 0) {
		add_shown_text(out, "data", pk->data);
	}
}

static void
print_json(struct tail *t, const struct sight *s)
{
	struct buf out = {.p = NULL};
	struct packet pk;

	buf_printf(&out, "{\"time\":\"%s\",\"session\":\"%s\",\"direction\":\"%s\"", s->time, s->id,
	    direction_name(s->head->kind));
	if (s->head->kind == WATCH_END) {
		add_shown_text(&out, "reason", s->text);
		/* A packet that was cut may no longer be valid JSON inside. */
	} else if (t->raw || s->cut || packet_parse(&pk, s->text) == -1) {
		add_shown_text(&out, "packet", s->text);
	} else {
		buf_printf(&out, ",\"type\":\"%s\"", packet_type_name(pk.type));
		add_shown_text(&out, "ns", pk.endpoint);
		if (pk.id.n > 0)
			add_shown_text(&out, "id", pk.id);
		if (pk.ack_data)
			buf_puts(&out, ",\"ack\":true");
		add_shown_data(t, &out, &pk);
	}
	if (s->cut)
		buf_printf(&out, ",\"bytes\":%u", s->head->n);
	buf_puts(&out, "}\n");
	cli_flush(&out);
}

/* --- watching ------------------------------------------------------------------------------- */

/* A gap in the numbers of a process: datagrams were dropped because we read too slowly. */
static void
note_gap(struct tail *t, const struct watch_head *head)
{
	uint32_t missed;

	if (head->slot < 0 || head->slot >= SLOTS_MAX)
		return;
	/* Numbers wrap; a huge gap is a process that has started anew in this slot. */
	missed = head->number - t->processes[head->slot].next;
	if (t->processes[head->slot].known && missed > 0 && missed < UINT32_MAX / 2)
		cli_complain("%u packets were not shown: too many at once", missed);
	t->processes[head->slot].known = true;
	t->processes[head->slot].next = head->number + 1;
}

static void
show_sight(struct tail *t, struct sight *s)
{
	s->cut = s->text.n < s->head->n;
	write_time(s->time, s->wall_ms);
	cli_id(s->id, s->head->key);
	if (t->cli->json)
		print_json(t, s);
	else
		print_text(t, s);
}

/* Heartbeats of the client come with those of the server, or not at all. */
static bool
is_unwanted(const struct tail *t, const struct sight *s)
{
	struct packet pk;

	return !t->wish.has_own && s->head->kind == WATCH_IN && packet_parse(&pk, s->text) == 0 &&
	       pk.type == PACKET_HEARTBEAT;
}

static void
show_packet(struct tail *t, const char *bytes, size_t n)
{
	struct watch_head head;
	struct sight s = {.head = &head, .wall_ms = clock_wall_ms()};

	if (n < sizeof(head)) /* not from a process of ours */
		return;
	memcpy(&head, bytes, sizeof(head));
	s.text = (struct slice){bytes + sizeof(head), n - sizeof(head)};
	note_gap(t, &head);
	if (!is_unwanted(t, &s))
		show_sight(t, &s);
}

/* --- from the log --------------------------------------------------------------------------- */

/* What the log has for the session, the newest first; owned. */
struct logged {
	int n;
	struct logged_packet {
		struct buf text;
		int64_t wall_ms;
	} packets[LAST_MAX];
};

static void
add_logged(void *arg, struct slice packet, int64_t sent_ms)
{
	struct logged *logged = arg;
	struct logged_packet *p = &logged->packets[logged->n++];

	*p = (struct logged_packet){.wall_ms = clock_wall_ms() - (clock_ms() - sent_ms)};
	buf_add_slice(&p->text, packet);
}

static int
show_last(struct tail *t)
{
	static struct logged logged;
	int result =
	    listing_logged(hub_store(t->cli->hub), t->wish.id, t->last, add_logged, &logged);

	for (int i = logged.n - 1; i >= 0; i--) {
		struct slice text = buf_slice(&logged.packets[i].text);
		struct watch_head head = {
		    .key = t->wish.id, .n = (uint32_t)text.n, .kind = TAIL_LOG};

		show_sight(
		    t, &(struct sight){
			   .head = &head, .text = text, .wall_ms = logged.packets[i].wall_ms});
		buf_free(&logged.packets[i].text);
	}
	return result == -1 ? EX_TEMPFAIL : 0;
}

/* --- following ------------------------------------------------------------------------------ */

/* After the data folder was replaced there is another table of watchers, and another slot. */
static int
watch_again(struct tail *t)
{
	struct store *st = hub_store(t->cli->hub);

	watch_close(st, t->fd);
	t->fd = watch_open(st, &t->wish);
	return t->fd == -1 ? EX_UNAVAILABLE : 0;
}

static int
watch_packets(struct tail *t)
{
	static char bytes[sizeof(struct watch_head) + WATCH_TEXT_MAX];
	int wake = hub_wake_fd(t->cli->hub), status = 0;

	do {
		ssize_t n;

		/* Empty the socket before the turn: while it is full, packets are dropped. */
		while ((n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
			show_packet(t, bytes, (size_t)n);
		/* Show packets now; the reader of a pipe may be gone. */
		if (fflush(stdout) != 0)
			return EX_IOERR;
		/* Move our cursor, or the log would be kept for us. */
		cli_begin(t->cli);
		cli_settle(t->cli);
		if (cli_must_leave(t->cli))
			return EX_UNAVAILABLE;
		if (hub_wake_fd(t->cli->hub) != wake) {
			wake = hub_wake_fd(t->cli->hub);
			status = watch_again(t);
		}
	} while (status == 0 && cli_wait(t->fd, TURN_MS));
	return status;
}

static void
complain_of_home(void *arg, const struct listing_session *s)
{
	char id[16];

	if (s->home == -1)
		return;
	cli_complain("session %s lives on the node %.*s of the cluster: run pollux tail there",
	    cli_id(id, s->key), (int)s->node.n, s->node.p);
	*(bool *)arg = true;
}

/* Whether the session is of another node, after saying so: its packets do not pass here. */
static bool
lives_elsewhere(struct tail *t)
{
	struct listing_filter filter = {.key = t->wish.id, .names_nodes = true, .limit = 1};
	bool elsewhere = false;

	if (t->wish.whose == WATCH_SESSION)
		(void)listing_sessions(
		    hub_store(t->cli->hub), &filter, complain_of_home, &elsewhere);
	return elsewhere;
}

/* From the options. */
static void
make_wish(struct tail *t, struct argp_state *state)
{
	bool has_channel = t->ns != NULL || t->room != NULL;

	if ((t->wish.whose == WATCH_SESSION) + has_channel + (t->user != NULL) > 1)
		argp_error(state, "choose a session, a room of a namespace, or a user");
	if (t->last > 0 && t->wish.whose != WATCH_SESSION)
		argp_error(state, "--last needs a session: -s");
	if (has_channel) {
		t->wish.whose = WATCH_CHANNEL;
		t->wish.id = message_log_channel(slice_of(t->ns == NULL ? "" : t->ns),
		    t->room == NULL ? (struct slice){NULL, 0} : slice_of(t->room));
	} else if (t->user != NULL) {
		t->wish.whose = WATCH_USER;
		t->wish.id = watch_user(slice_of(t->user));
	}
}

static error_t
parse_tail(int key, char *arg, struct argp_state *state)
{
	struct tail *t = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = t->cli;
		return 0;
	case 's':
		if (sid_public_read(slice_of(arg), &t->wish.id) == -1)
			argp_error(state, "-s needs the public id of a session, not %s", arg);
		t->wish.whose = WATCH_SESSION;
		return 0;
	case 'n':
		t->ns = arg;
		return 0;
	case 'r':
		t->room = arg;
		return 0;
	case 'u':
		t->user = arg;
		return 0;
	case 'H':
		t->wish.has_own = true;
		return 0;
	case KEY_LAST:
		t->last = (int)options_number(state, "--last", arg, 1, LAST_MAX);
		return 0;
	case 'R':
		t->raw = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "choose a session with -s, not by \"%s\" alone", arg);
		return 0;
	case ARGP_KEY_END:
		make_wish(t, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
tail_packets(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"session", 's', "ID", 0, "Only packets of the session with this public id", 1},
	    {"namespace", 'n', "NS", 0, "Only packets of sessions in this namespace", 1},
	    {"room", 'r', "ROOM", 0, "Only packets of sessions in this room (of -n)", 1},
	    {"user", 'u', "USER", 0, "Only packets of sessions of this user", 1},
	    {"heartbeats", 'H', NULL, 0,
		"Also heartbeats and what else transports send by themselves", 1},
	    {"last", KEY_LAST, "N", 0,
		"First the last N packets of the session (-s) that the log still has", 1},
	    {"raw", 'R', NULL, 0, "Show packets as they are on the wire", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_tail,
	    .doc = "Show packets as they pass, until interrupted.",
	    .children = children};
	static struct tail t;
	int status;

	t.cli = c;
	argp_parse(&argp, argc, argv, 0, NULL, &t);
	status = cli_open(c);
	if (status != 0)
		return status;
	if (lives_elsewhere(&t))
		return EX_UNAVAILABLE;
	/* Before watching: an interrupted tail must give its place among the watchers back. */
	cli_catch_signals();
	t.fd = watch_open(hub_store(c->hub), &t.wish);
	if (t.fd == -1)
		return EX_UNAVAILABLE;
	/* Now that it watches: what is sent meanwhile may be shown twice, and nothing is missed. */
	status = t.last > 0 ? show_last(&t) : 0;
	if (status == 0)
		status = watch_packets(&t);
	if (t.fd != -1)
		watch_close(hub_store(c->hub), t.fd);
	buf_free(&t.scratch);
	return status;
}
