/* A whole server: two processes on one folder, with an application, clients and a clock; the input
 * is a script of what happens to them, a line each:
 *
 *	hC query        client C shakes hands            wC         opens a websocket
 *	gCt             opens transport t: p j f m       tC text    says this on it
 *	pC body         POSTs this                       xC         its connections break
 *	dC              says goodbye                     fC         its next answer is lost on the way
 *	s ms            time passes                      c          the other process is asked from now on
 *	b actions       a program publishes              r target   any GET
 *
 * Whatever happens: every turn commits; a session gets what it is sent in order, once, and without
 * gaps; the application is told of an end for each connection; in the end nobody holds anything. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "tests/fuzz/talker.h"

#define STEPS_MAX  400 /* lines that are done */
#define ROUNDS_MAX 4
#define POLLS_MAX  50      /* until one is held: queue_packets, and some that are superseded */
#define SLEEP_MAX  100000  /* ms */
#define LIVES_MS   1000000 /* longer than any session lives by itself */
#define NOTHING    ((struct slice){NULL, 0})
#define KEY_SHA256 "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"

/* One world at a time.  Global: handlers of the application need it. */
static struct {
	char folder[64];
	struct config cfg;
	struct server *sv[PROCESSES];
	struct talker talkers[TALKERS];
	int64_t now;
	int process;    /* which is asked */
	int64_t common; /* the next number for all */
	int64_t connected, gone;
} world;

/* --- the application ------------------------------------------------------------------------- */

static struct talker *
talker_of(sio_socket *s)
{
	for (int i = 0; i < TALKERS; i++)
		if (strcmp(world.talkers[i].sid, sio_sid(s)) == 0)
			return &world.talkers[i];
	return NULL;
}

/* Send it its next number. */
static void
send_own(sio_socket *s)
{
	struct talker *t = talker_of(s);
	char text[32];
	int n;

	if (t == NULL)
		return;
	n = snprintf(text, sizeof(text), "~own=%lld;", (long long)t->to_send);
	if (sio_send(s, text, (size_t)n) == 0)
		t->to_send++;
}

static void
send_all(sio_target target)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "~all=%lld;", (long long)world.common++);

	sio_send_to(target, text, (size_t)n);
}

static void
on_connection(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	if (e->name != NULL && sio_endpoint(s)[0] == '\0')
		world.connected++;
	sio_join(s, "lobby");
	send_own(s);
}

static void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	if (sio_endpoint(s)[0] == '\0')
		world.gone++;
	send_all(sio_ns_in(sio_namespace(s), "lobby"));
}

static void
on_own(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	send_own(s);
	sio_ack(s, e, e->args);
}

static void
on_all(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = sio_text(s, sio_arg(s, e->args, 0));

	(void)user;
	send_all(room == NULL ? sio_in(s, NULL) : sio_broadcast_to(s, room));
}

static void
on_join(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = sio_text(s, sio_arg(s, e->args, 0));

	if (room != NULL && user != NULL)
		sio_leave(s, room);
	else if (room != NULL)
		sio_join(s, room);
}

static void
on_set(sio_socket *s, const sio_event *e, void *user)
{
	const char *key = sio_text(s, sio_arg(s, e->args, 0)), *value = sio_arg(s, e->args, 1);

	(void)user;
	if (key != NULL && value != NULL)
		sio_set(s, key, value);
	if (key != NULL && sio_has(s, key))
		sio_set_user(s, key);
}

static void
on_ask(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit_ack(s, "question", e->args, "own", NULL, 5000);
}

static void
on_kick(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	send_own(s);
	sio_disconnect(s);
}

static int
authorize(const sio_handshake *h, void *user)
{
	(void)user;
	return sio_query(h, "no") != NULL ? sio_refuse(h, "no") : 0;
}

static void
set_up(sio_app *app)
{
	static const char *const names[] = {"", "/chat"};
	static const struct {
		const char *event;
		sio_handler *handler;
		void *user;
	} handlers[] = {
	    {"connection", on_connection, NULL},
	    {"disconnect", on_disconnect, NULL},
	    {"message", on_own, NULL},
	    {"all", on_all, NULL},
	    {"join", on_join, NULL},
	    {"leave", on_join, &world},
	    {"set", on_set, NULL},
	    {"ask", on_ask, NULL},
	    {"kick", on_kick, NULL},
	    {"*", on_own, NULL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sio_ns *ns = sio_of(app, names[i]);

		for (size_t k = 0; k < sizeof(handlers) / sizeof(handlers[0]); k++)
			MUST(sio_on(ns, handlers[k].event, handlers[k].handler, handlers[k].user) ==
			     0);
		MUST(sio_on_ack(ns, "own", on_own, NULL) == 0);
	}
	MUST(sio_authorization(app, authorize, NULL) == 0);
}

/* --- turns ----------------------------------------------------------------------------------- */

static void
enter(int process)
{
	server_begin(world.sv[process], world.now);
}

/* At the end of whatever is done to a process: the other one waits for the lock that it holds. */
static void
leave(int process)
{
	int64_t next;

	MUST(server_settle(world.sv[process], &next) == 0);
}

/* What this process said reaches the client. */
static void
receive(struct talker *t, int process)
{
	for (int i = 0; i < REQUESTS_MAX; i++) {
		struct asked *a = t->asked[i];
		bool lost = t->fails;

		if (a == NULL || a->status == 0 || a->process != process)
			continue;
		MUST(!a->answer.failed);
		if (!lost) {
			talker_hear(t, slice_skip(buf_slice(&a->answer), a->seen));
			a->seen = a->answer.n;
			t->over |= a->status != 200;
		}
		if (lost || a->over) {
			t->fails = false;
			t->asked[i] = NULL;
			talker_close(a, lost ? EXCHANGE_FAILED : EXCHANGE_SENT);
		}
	}
}

static bool
has_wake(int process)
{
	struct pollfd fd = {.fd = server_wake_fd(world.sv[process]), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* A turn of a process, and another for the fates of its answers. */
static void
turn_of(int process)
{
	enter(process);
	if (has_wake(process))
		server_wake(world.sv[process]);
	leave(process);
	enter(process);
	for (int i = 0; i < TALKERS; i++)
		receive(&world.talkers[i], process);
	leave(process);
}

/* Each process has its turn, and more while one wakes another. */
static void
turn(void)
{
	bool woken = true;

	for (int round = 0; round < ROUNDS_MAX && woken; round++) {
		woken = false;
		for (int i = 0; i < PROCESSES; i++)
			turn_of(i);
		for (int i = 0; i < PROCESSES; i++)
			woken |= has_wake(i);
	}
	MUST(world.gone <= world.connected);
}

/* --- what clients do ------------------------------------------------------------------------- */

static struct asked *
request(const char *method, struct slice target, struct slice body)
{
	struct asked *a = calloc(1, sizeof(*a));

	MUST(a != NULL);
	a->process = world.process;
	a->x = (struct exchange){
	    .ops = &talker_exchange_ops,
	    .method = slice_of(method),
	    .target = target,
	    .body = body,
	    .address = SLICE("127.0.0.1"),
	    .header = talker_header,
	    .each_header = talker_each_header,
	    .upgrades = talker_upgrades,
	};
	enter(a->process);
	server_request(world.sv[a->process], &a->x);
	leave(a->process);
	return a;
}

/* A request that is answered at once, or whose client does not wait; the text goes to `answer`
 * unless that is NULL.  Return the status, 0 if there was none. */
static int
answered(const char *method, struct slice target, struct slice body, struct buf *answer)
{
	struct asked *a = request(method, target, body);
	int status = a->status, process = a->process;

	if (answer != NULL)
		buf_add_slice(answer, buf_slice(&a->answer));
	enter(process);
	talker_close(a, a->over ? EXCHANGE_SENT : status == 0 ? EXCHANGE_GONE : EXCHANGE_FAILED);
	leave(process);
	return status;
}

/* All of its connections are closed. */
static void
break_connections(struct talker *t)
{
	for (int i = 0; i < REQUESTS_MAX; i++) {
		struct asked *a = t->asked[i];
		int process;

		if (a == NULL)
			continue;
		t->asked[i] = NULL;
		process = a->process;
		enter(process);
		talker_close(a, a->status == 0 ? EXCHANGE_GONE : EXCHANGE_FAILED);
		leave(process);
	}
	if (t->ws_open) {
		t->ws_open = false;
		enter(t->ws_process);
		websocket_gone(world.sv[t->ws_process], &t->ws, "socket end");
		leave(t->ws_process);
	}
}

static void
shake_hands(struct talker *t, const char *query)
{
	struct buf target = {.p = NULL}, answer = {.p = NULL};

	break_connections(t);
	turn();
	*t = (struct talker){.transport = "xhr-polling", .all = -1};
	buf_printf(&target, "/socket.io/1/?%s", query);
	MUST(!target.failed);
	if (answered("GET", buf_slice(&target), NOTHING, &answer) == 200 && answer.n > 20 &&
	    answer.p[20] == ':')
		snprintf(t->sid, sizeof(t->sid), "%.20s", answer.p);
	buf_free(&target);
	buf_free(&answer);
}

/* The URL of its transport, in `text`. */
static struct slice
address(const struct talker *t, char *text, size_t size, const char *query)
{
	snprintf(text, size, "/socket.io/1/%s/%s?i=1%s", t->transport, t->sid, query);
	return slice_of(text);
}

/* Hold a poll or a stream; it takes the place of the oldest. */
static void
open_transport(struct talker *t, char letter)
{
	static const struct {
		char letter;
		const char *name;
	} names[] = {{'p', "xhr-polling"}, {'j', "jsonp-polling"}, {'f', "htmlfile"},
	    {'m', "xhr-multipart"}};
	char text[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].letter == letter)
			snprintf(t->transport, sizeof(t->transport), "%s", names[i].name);
	if (t->asked[REQUESTS_MAX - 1] != NULL)
		break_connections(t);
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (t->asked[i] == NULL) {
			t->asked[i] = request("GET", address(t, text, sizeof(text), ""), NOTHING);
			break;
		}
}

static void
open_websocket(struct talker *t)
{
	struct server *sv = world.sv[world.process];
	struct exchange x = {
	    .ops = &talker_exchange_ops,
	    .method = SLICE("GET"),
	    .address = SLICE("127.0.0.1"),
	    .header = talker_header,
	    .each_header = talker_each_header,
	    .upgrades = talker_upgrades,
	};
	struct route route;
	const char *why;
	char text[128];
	int status;

	if (t->ws_open)
		return;
	snprintf(t->transport, sizeof(t->transport), "websocket");
	x.target = address(t, text, sizeof(text), "");
	t->ws_process = world.process;
	enter(t->ws_process);
	route_parse(&route, x.target, world.cfg.resource);
	if (route.kind == ROUTE_TRANSPORT &&
	    websocket_judge(sv, &route, &x, &status, &why) == WEBSOCKET_GO) {
		t->ws = (struct websocket){.ops = &talker_ws_ops};
		t->unread = false;
		t->ws_open = true; /* before what it is sent at once, which may be the end */
		if (websocket_open(sv, &t->ws, &route, &x) == -1)
			t->ws_open = false;
	}
	leave(t->ws_process);
}

static void
say(struct talker *t, struct slice text)
{
	if (!t->ws_open || t->unread || !utf8_valid(text))
		return;
	enter(t->ws_process);
	websocket_text(world.sv[t->ws_process], &t->ws, text);
	leave(t->ws_process);
}

/* --- the script ------------------------------------------------------------------------------ */

/* All but the first `n` bytes. */
static struct slice
behind(struct slice line, size_t n)
{
	return slice_skip(line, line.n < n ? line.n : n);
}

static void
step(struct slice line)
{
	struct talker *t = &world.talkers[line.n < 2 ? 0 : (unsigned char)line.p[1] % TALKERS];
	char text[256], words[256];

	switch (line.p[0]) {
	case 'h':
		snprintf(words, sizeof(words), "%.*s", (int)behind(line, 3).n, behind(line, 3).p);
		shake_hands(t, words);
		break;
	case 'g':
		open_transport(t, line.n < 3 ? 'p' : line.p[2]);
		break;
	case 'p':
		answered("POST", address(t, text, sizeof(text), ""), behind(line, 3), NULL);
		break;
	case 'd':
		answered("GET", address(t, text, sizeof(text), "&disconnect=1"), NOTHING, NULL);
		break;
	case 'w':
		open_websocket(t);
		break;
	case 't':
		say(t, behind(line, 3));
		break;
	case 'x':
		break_connections(t);
		break;
	case 'f':
		t->fails = true;
		break;
	case 's':
		snprintf(words, sizeof(words), "%.*s", (int)behind(line, 2).n, behind(line, 2).p);
		world.now += (int64_t)(strtoull(words, NULL, 10) % SLEEP_MAX);
		break;
	case 'c':
		world.process = (world.process + 1) % PROCESSES;
		break;
	case 'b':
		answered("POST", SLICE("/pollux/v1/actions"), behind(line, 2), NULL);
		break;
	case 'r':
		answered("GET", behind(line, 2), NOTHING, NULL);
		break;
	}
}

/* Tokens admit, too, and clients reach clients without the application: what that passes on has no
 * marks. */
static void
configure_clients(struct config *cfg)
{
	static const struct config_relay relays[] = {
	    {"", "move", 5, 200, true, true},
	    {"", "say", 20, 65536, false, false},
	    {"/chat", "say", 20, 65536, false, false},
	    {"/free", "json", 20, 65536, true, false},
	};

	snprintf(cfg->jwt_secret, sizeof(cfg->jwt_secret), "the-secret-of-all-fuzzed-tokens!");
	cfg->jwt_required = CONFIG_NO;
	cfg->relays_n = sizeof(relays) / sizeof(relays[0]);
	memcpy(cfg->relays, relays, sizeof(relays));
}

/* --- the world ------------------------------------------------------------------------------- */

static void
open_world(void)
{
	memset(&world, 0, sizeof(world));
	/* memory, if there is a folder of it: SQLite waits for disks */
	snprintf(world.folder, sizeof(world.folder), "%s/pollux-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(world.folder) != NULL);
	config_default(&world.cfg);
	snprintf(world.cfg.data, sizeof(world.cfg.data), "%s", world.folder);
	snprintf(world.cfg.transports, sizeof(world.cfg.transports),
	    "websocket,flashsocket,htmlfile,xhr-multipart,xhr-polling,jsonp-polling");
	world.cfg.queue_packets = 40;
	world.cfg.bad_packets = 5;
	world.cfg.sessions = 20;
	world.cfg.publish_enabled = true;
	world.cfg.publish_rate = 1000000;
	snprintf(world.cfg.publish_keys, sizeof(world.cfg.publish_keys),
	    "fuzz:publish,read,admin:" KEY_SHA256);
	configure_clients(&world.cfg);
	world.now = 1000000;
	for (int i = 0; i < PROCESSES; i++) {
		world.sv[i] = server_open(&world.cfg, i == 0 ? SERVER_FCGI : SERVER_WSD);
		MUST(world.sv[i] != NULL);
		/* it sets itself up before it is given a hub */
		application_set_hub(world.sv[i]->application, NULL);
		set_up(module_of(world.sv[i]->application));
		application_set_hub(world.sv[i]->application, world.sv[i]->hub);
		server_begin(world.sv[i], world.now);
	}
}

/* A session that lives has got all that it was sent, or gets it now. */
static void
must_have_all(struct talker *t)
{
	bool held = false;

	if (t->sid[0] == '\0')
		return;
	if (t->ws_open) {
		MUST(t->own == t->to_send);
		return;
	}
	break_connections(t);
	t->fails = false;
	for (int i = 0; i < POLLS_MAX && !t->over && !held; i++) {
		open_transport(t, 'p');
		turn();
		held = t->asked[0] != NULL;
	}
	MUST(t->over || (held && t->own == t->to_send));
}

/* Everybody leaves without a word, and time passes. */
static void
end_world(void)
{
	for (int i = 0; i < TALKERS; i++)
		must_have_all(&world.talkers[i]);
	for (int i = 0; i < TALKERS; i++)
		break_connections(&world.talkers[i]);
	turn();
	for (int i = 0; i < PROCESSES; i++)
		MUST(server_held(world.sv[i]) == 0);
	for (int i = 0; i < 4; i++) {
		world.now += LIVES_MS / 4;
		turn();
	}
	MUST(world.gone == world.connected);
}

static void
close_world(void)
{
	struct dirent *entry;
	char path[400];
	DIR *folder;

	for (int i = 0; i < PROCESSES; i++)
		server_close(world.sv[i]);
	folder = opendir(world.folder);
	MUST(folder != NULL);
	while ((entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", world.folder, entry->d_name);
		unlink(path); /* not . and .. */
	}
	closedir(folder);
	MUST(rmdir(world.folder) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size), line;
	char *script = copy_of(in);

	for (size_t i = 0; i < in.n; i++)
		if (script[i] == '~')
			script[i] = '_'; /* the application's own */
	in.p = script;
	log_open("fuzz", LOG_LEVEL_ERROR, NULL);
	open_world();
	for (int i = 0; i < STEPS_MAX && slice_cut(&in, '\n', &line); i++) {
		if (line.n == 0)
			continue;
		step(line);
		turn();
	}
	end_world();
	close_world();
	free(script);
	return 0;
}
