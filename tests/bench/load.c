/* load: puts load on a Socket.IO server with the events of apps/echo and measures it from outside.
 *
 *	load [NAME=VALUE]... echo|broadcast
 *
 * With `echo` each client keeps `window` events `echo` in flight.  With `broadcast` an additional
 * client keeps `window` events `broadcast` in flight, to all the others; a message is one delivery.
 *
 *	transport=websocket  or polling, or bare (a websocket without Socket.IO around it)
 *	port=8080            of 127.0.0.1; several times: of each client one, in turn
 *	away=0               1: once a session is open its requests go to the next of these ports
 *	clients=100  window=1
 *	size=67              bytes of a packet
 *	addresses=1          local ones to connect from: 127.0.0.1, 127.0.0.2, ...
 *
 * All clients are opened, reported by a line `open`, and kept open.  Then each line `SECONDS RATE` on
 * standard input is a phase of load, answered by a line `done` with the result once all replies have
 * come; the end of the input ends the program.  RATE 0 is a closed loop: every reply is sent again.
 * Any other is the total of events a second, each sent when it is due, whether replies come or not;
 * latencies are then measured from when they were due.
 *
 *	echo 2 0 | load port=8081 clients=1000 echo
 *
 * Every event is counted, and must come once and in order.  The exit status is 1 when one did not, or
 * a client lost its session. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/options.h"
#include "tests/bench/samples.h"

#define OPENING       64                /* handshakes under way at a time */
#define RECENT        (2 * WINDOW_MOST) /* broadcasts whose deliveries are counted, a power of two */
#define RATE_MOST     1e7
#define SECONDS_MOST  600.
#define OPEN_SECONDS  60.
#define DRAIN_SECONDS 20.
#define TICK_NS_LEAST 50000. /* of a fixed rate */

struct member {
	struct client client;
	uint32_t sent, received; /* events; both wrap */
};

static struct options opt;

static struct load {
	struct ev_loop *loop;
	struct member *members; /* in a broadcast the first is the sender */
	size_t n, senders, started, open;
	uint64_t outstanding; /* messages still expected */
	const char *doing;    /* the step that `deadline` limits */
	ev_timer deadline;    /* of it */

	/* the phase */
	bool sending;
	double rate;
	uint64_t start_ns;
	uint64_t due;      /* events sent, at a fixed rate */
	uint64_t received; /* messages */
	struct samples latency;
	uint32_t deliveries[RECENT];
	ev_timer end;
	ev_io ticker; /* of a timerfd: libev's timers have a resolution of a millisecond */
} load;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn)) static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s (%zu of %zu open, %" PRIu64 " messages missing)\n", what, why,
	    load.open, load.n, load.outstanding);
	exit(1);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void
on_late(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)w;
	(void)events;
	give_up(load.doing, "takes too long");
}

/* Run the loop until a callback breaks it, at most `seconds`. */
static void
run_until_break(double seconds, const char *doing)
{
	load.doing = doing;
	ev_now_update(load.loop);
	ev_timer_init(&load.deadline, on_late, seconds, 0);
	ev_timer_start(load.loop, &load.deadline);
	ev_run(load.loop, 0);
	ev_timer_stop(load.loop, &load.deadline);
}

/* --- events ----------------------------------------------------------------------------------- */

/* An event with its number and the time from which its latency is measured. */
static void
send_event(struct member *m, uint64_t stamp)
{
	const char *name = opt.scenario == ECHO ? "echo" : "broadcast";
	char packet[SIZE_MOST + 1];
	int n = snprintf(packet, sizeof(packet),
	    "5:::{\"name\":\"%s\",\"args\":[\"%08" PRIx32 "%016" PRIx64, name, m->sent, stamp);
	size_t size = (size_t)opt.size;

	memset(packet + n, 'x', size - (size_t)n - 3);
	memcpy(packet + size - 3, "\"]}", 3);
	load.deliveries[m->sent % RECENT] = 0;
	m->sent++;
	load.outstanding += opt.scenario == ECHO ? 1 : load.n - 1;
	client_send(&m->client, (struct slice){packet, size});
}

/* A hexadecimal number of `digits`; anything else gives a number that is not expected. */
static uint64_t
number(const char *p, size_t digits)
{
	char text[17] = {0};

	memcpy(text, p, digits);
	return strtoull(text, NULL, 16);
}

static void
on_event(struct client *c, struct slice packet)
{
	static const char args[] = "\"args\":[\"";
	const char *p = memmem(packet.p, packet.n, args, sizeof(args) - 1);
	struct member *m = c->owner;
	uint32_t seq;

	if (p == NULL || (size_t)(packet.p + packet.n - p) < sizeof(args) - 1 + 8 + 16)
		give_up("an event", "it was not sent by us");
	p += sizeof(args) - 1;
	seq = (uint32_t)number(p, 8);
	if (seq != m->received)
		give_up("an event", "it came out of order, or one was lost");
	samples_add(&load.latency, now_ns() - number(p + 8, 16));
	m->received++;
	load.received++;
	load.outstanding--;
	if (load.outstanding == 0 && !load.sending)
		ev_break(load.loop, EVBREAK_ALL);
	if (!load.sending || load.rate > 0)
		return;
	if (opt.scenario == ECHO) {
		send_event(m, now_ns());
	} else if (++load.deliveries[seq % RECENT] == load.n - 1) {
		send_event(&load.members[0], now_ns());
		client_flush(&load.members[0].client);
	}
}

/* --- opening ---------------------------------------------------------------------------------- */

static void
open_next(void)
{
	struct member *m = &load.members[load.started++];

	if (client_open(&m->client) == -1)
		give_up("a connection", strerror(errno));
}

static void
on_open(struct client *c)
{
	(void)c;
	load.open++;
	if (load.started < load.n)
		open_next();
	else if (load.open == load.n)
		ev_break(load.loop, EVBREAK_ALL);
}

static void
on_fail(struct client *c, const char *why)
{
	(void)c;
	give_up("a client lost its session", why);
}

static struct sockaddr_in
address(size_t i)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)opt.ports[i % opt.ports_n]),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
open_all(void)
{
	size_t addresses = (size_t)opt.addresses;
	uint64_t start = now_ns();

	load.n = (size_t)opt.clients + (opt.scenario == BROADCAST);
	load.senders = opt.scenario == ECHO ? load.n : 1;
	load.members = calloc(load.n, sizeof(*load.members));
	if (load.members == NULL)
		give_up("memory", strerror(errno));
	for (size_t i = 0; i < load.n; i++) {
		struct member *m = &load.members[i];

		m->client.loop = load.loop;
		m->client.transport = opt.transport;
		m->client.from.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % addresses));
		m->client.to = address(i);
		m->client.later = address(i + (size_t)opt.away);
		m->client.owner = m;
		m->client.on_open = on_open;
		m->client.on_event = on_event;
		m->client.on_fail = on_fail;
	}
	while (load.started < load.n && load.started < OPENING)
		open_next();
	run_until_break(OPEN_SECONDS, "opening");
	printf("open sessions=%zu seconds=%.4f\n", load.n, (double)(now_ns() - start) / 1e9);
}

/* --- a phase of load -------------------------------------------------------------------------- */

/* At a fixed rate, send the events that are due. */
static void
on_tick(struct ev_loop *loop, ev_io *w, int events)
{
	uint64_t now = now_ns(), ticks;

	(void)loop;
	(void)events;
	if (read(w->fd, &ticks, sizeof(ticks)) == -1 || !load.sending)
		return;
	for (;;) {
		struct member *m = &load.members[load.due % load.senders];
		uint64_t due = load.start_ns + (uint64_t)((double)load.due * 1e9 / load.rate);

		if (due > now)
			return;
		load.due++;
		send_event(m, due);
		client_flush(&m->client);
	}
}

/* Start the ticker at this rate, beginning now; 0 stops it. */
static void
set_ticker(double rate)
{
	double ns = rate > 0 ? 1e9 / rate : 0;
	struct itimerspec each;

	if (ns > 0 && ns < TICK_NS_LEAST)
		ns = TICK_NS_LEAST;
	each.it_interval.tv_sec = (time_t)(ns / 1e9);
	each.it_interval.tv_nsec = (long)(ns - (double)each.it_interval.tv_sec * 1e9);
	each.it_value = (struct timespec){.tv_nsec = ns > 0};
	if (timerfd_settime(load.ticker.fd, 0, &each, NULL) == -1)
		give_up("the ticker", strerror(errno));
}

static void
on_phase_end(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	load.sending = false;
	set_ticker(0);
	if (load.outstanding == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void
open_ticker(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd == -1)
		give_up("the ticker", strerror(errno));
	ev_io_init(&load.ticker, on_tick, fd, EV_READ);
	ev_io_start(load.loop, &load.ticker);
}

static void
start_sending(void)
{
	load.sending = true;
	set_ticker(load.rate);
	if (load.rate > 0)
		return;
	for (size_t i = 0; i < load.senders; i++) {
		for (int w = 0; w < (int)opt.window; w++)
			send_event(&load.members[i], now_ns());
		client_flush(&load.members[i].client);
	}
}

/* CPU seconds of this process, to tell which side was the bottleneck. */
static double
own_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Load for `seconds`, wait for the outstanding replies, and print the result. */
static void
run_phase(double seconds, double rate)
{
	double cpu = own_cpu(), took;

	load.rate = rate;
	load.due = load.received = 0;
	load.start_ns = now_ns();
	memset(&load.latency, 0, sizeof(load.latency));
	ev_now_update(load.loop);
	ev_timer_init(&load.end, on_phase_end, seconds, 0);
	ev_timer_start(load.loop, &load.end);
	start_sending();
	run_until_break(seconds + DRAIN_SECONDS, "answering");
	took = (double)(now_ns() - load.start_ns) / 1e9;
	printf("done messages=%" PRIu64 " seconds=%.4f rate=%.1f p50_us=%.1f p99_us=%.1f "
	       "max_us=%.1f load_cpu=%.4f\n",
	    load.received, took, (double)load.received / took,
	    (double)samples_at(&load.latency, 0.50) / 1e3,
	    (double)samples_at(&load.latency, 0.99) / 1e3,
	    (double)samples_at(&load.latency, 1.) / 1e3, own_cpu() - cpu);
}

/* --- commands --------------------------------------------------------------------------------- */

static void
on_input(struct ev_loop *loop, ev_io *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* Keep serving heartbeats and polls until there is something on standard input. */
static void
wait_for_input(void)
{
	ev_io input;

	ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
	ev_io_start(load.loop, &input);
	ev_run(load.loop, 0);
	ev_io_stop(load.loop, &input);
}

/* One line, byte by byte: the loop would not see what stdio had read ahead.
 * Return false at the end of the input. */
static bool
read_line(char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		char c;

		wait_for_input();
		if (read(STDIN_FILENO, &c, 1) != 1)
			return false;
		if (c == '\n')
			break;
		if (n + 1 < size)
			line[n++] = c;
	}
	line[n] = '\0';
	return true;
}

static void
run_phases(void)
{
	char line[64];
	double seconds, rate;

	while (read_line(line, sizeof(line))) {
		if (sscanf(line, "%lf %lf", &seconds, &rate) != 2 || !(seconds > 0) ||
		    !(seconds <= SECONDS_MOST) || !(rate >= 0) || !(rate <= RATE_MOST))
			give_up(line, "is not SECONDS RATE");
		run_phase(seconds, rate);
	}
}

/* --- the program ----------------------------------------------------------------------------- */

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char **argv)
{
	options_init(&opt);
	for (int i = 1; i < argc; i++)
		if (!options_set(&opt, argv[i])) {
			fprintf(stderr, "load: %s is not an option, or out of range\n", argv[i]);
			return 64;
		}
	if (opt.ports_n == 0)
		opt.ports_n = 1;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_limit();
	load.loop = ev_default_loop(0);
	open_ticker();
	open_all();
	run_phases();
	for (size_t i = 0; i < load.n; i++)
		client_free(&load.members[i].client);
	free(load.members);
	return 0;
}
