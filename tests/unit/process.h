/* process: two processes of Pollux as unit tests see them: an application and a hub each, on one
 * folder, driven turn by turn with a clock of the test's own; and sinks that write down what they
 * get. */
#ifndef POLLUX_TESTS_PROCESS_H
#define POLLUX_TESTS_PROCESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pollux/pollux.h>

#include "shared/app/internal.h"
#include "shared/hub/hub.h"
#include "shared/wire/sid.h"
#include "tests/unit/folder.h"
#include "tests/unit/limits.h"

struct world {
	char folder[64];
	struct application *application[2];
	sio_app *app[2];
	struct hub *hub[2];
	int64_t now;
	char told[4096]; /* one word for each thing that an application was told */
	/* what the handler of the event "do" does, and the one of "disconnect" */
	void (*script)(struct world *w, sio_socket *s, const sio_event *e);
	void (*last_words)(struct world *w, sio_socket *s, const sio_event *e);
};

static inline void note(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void
note(struct world *w, const char *format, ...)
{
	size_t n = strlen(w->told);
	va_list args;

	va_start(args, format);
	vsnprintf(w->told + n, sizeof(w->told) - n, format, args);
	va_end(args);
	n = strlen(w->told);
	snprintf(w->told + n, sizeof(w->told) - n, " ");
}

/* --- a sink ---------------------------------------------------------------------------------- */

struct sink {
	char got[4096]; /* packets, a blank behind each */
	bool done;      /* a poll: answered */
};

static inline void
sink_add(struct sink *k, struct slice text)
{
	size_t n = strlen(k->got);

	snprintf(k->got + n, sizeof(k->got) - n, "%.*s ", (int)text.n, text.p);
}

static inline void
sink_send(void *sink, struct message *m)
{
	sink_add(sink, message_text(m));
}

static inline void
sink_deliver(void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen)
{
	struct sink *k = sink;

	(void)key;
	(void)gen;
	for (size_t i = 0; i < n; i++)
		sink_add(k, message_text(messages[i]));
	k->done = true;
}

static inline void
sink_end(void *sink, enum sink_end why)
{
	struct sink *k = sink;

	sink_add(k, why == SINK_SUPERSEDED ? SLICE("SUPERSEDED")
		    : why == SINK_LOST     ? SLICE("LOST")
					   : SLICE("DISCONNECTED"));
	k->done = true;
}

static const struct sink_ops sink_ops = {
    .send = sink_send, .deliver = sink_deliver, .end = sink_end};

/* --- processes ------------------------------------------------------------------------------- */

static inline struct hub *
open_hub(const struct world *w, struct application *app, bool guest)
{
	struct hub_options options = {
	    .kind = guest ? 3 : 1,
	    .folder = w->folder,
	    .app = application_for_hub(app),
	    .no_app = guest,
	    HUB_LIMITS,
	};
	struct hub *h = hub_open(&options);

	assert_non_null(h);
	application_set_hub(app, h);
	return h;
}

/* Make both processes; `set_up` does what pollux_app() would. */
static inline struct world *
world_open(void (*set_up)(sio_app *app, struct world *w))
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->now = 1000000;
	for (int i = 0; i < 2; i++) {
		w->application[i] = module_open("", "");
		assert_non_null(w->application[i]);
		w->app[i] = module_of(w->application[i]);
		set_up(w->app[i], w);
		w->hub[i] = open_hub(w, w->application[i], false);
	}
	return w;
}

static inline void
world_close(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		hub_close(w->hub[i]);
		application_close(w->application[i]);
	}
	delete_folder(w->folder);
	free(w);
}

static inline struct hub *
begin(struct world *w, int i)
{
	hub_turn_begin(w->hub[i], w->now);
	return w->hub[i];
}

static inline void
settle(struct world *w, int i)
{
	int64_t next;

	assert_int_equal(hub_turn_end(w->hub[i], &next), 0);
}

/* The other process was woken: let it look. */
static inline void
wake(struct world *w, int i)
{
	hub_turn_wake(begin(w, i));
	settle(w, i);
}

/* Let `ms` pass; whichever process comes first does maintenance. */
static inline void
pass(struct world *w, int64_t ms)
{
	w->now += ms;
	for (int i = 0; i < 2; i++)
		wake(w, i);
}

/* --- clients --------------------------------------------------------------------------------- */

struct client {
	char sid[STORE_SID_SIZE];
	char id[SID_PUBLIC_LENGTH + 1];
	struct sink sink;
};

static inline enum session_create_result
shake_hands(struct world *w, int i, struct client *c, const char *handshake)
{
	enum session_create_result result =
	    session_create(begin(w, i), handshake, SLICE("127.0.0.1"), c->sid);

	if (result == SESSION_CREATED)
		sid_public_write(c->id, sid_key((struct slice){c->sid, SID_LENGTH}));
	settle(w, i);
	return result;
}

static inline struct session *
find_session(struct world *w, int i, const struct client *c)
{
	struct session *s = NULL;

	assert_int_equal(session_find(w->hub[i], slice_of(c->sid), &s), SESSION_LIVE);
	return s;
}

static inline void
attach(struct world *w, int i, struct client *c, bool streaming)
{
	struct hub *h = begin(w, i);

	c->sink = (struct sink){.done = false};
	assert_int_equal(session_attach(h, find_session(w, i, c),
			     streaming ? TRANSPORT_WEBSOCKET : TRANSPORT_XHR_POLLING, streaming,
			     &sink_ops, &c->sink),
	    0);
	settle(w, i);
}

/* A client of process `i` on a stream; what it got so far is forgotten. */
static inline void
open_stream(struct world *w, int i, struct client *c)
{
	assert_int_equal(shake_hands(w, i, c, "{}"), SESSION_CREATED);
	attach(w, i, c, true);
	assert_string_equal(c->sink.got, "1:: ");
	c->sink.got[0] = '\0';
}

/* A client between two polls. */
static inline void
open_polling(struct world *w, int i, struct client *c)
{
	assert_int_equal(shake_hands(w, i, c, "{}"), SESSION_CREATED);
	attach(w, i, c, false);
	assert_string_equal(c->sink.got, "1:: ");
}

/* Poll in process `i`; what waits is in c->sink afterwards. */
static inline void
poll_once(struct world *w, int i, struct client *c)
{
	attach(w, i, c, false);
}

/* Packets of the client in one payload, the list ending with NULL; a stream's come to the process
 * that holds it. */
static inline void
say(struct world *w, int i, const struct client *c, const char *packet, ...)
{
	struct hub *h = begin(w, i);
	struct session *s = find_session(w, i, c);
	va_list more;

	assert_int_equal(session_connect(h, s, TRANSPORT_XHR_POLLING), 0);
	va_start(more, packet);
	for (; packet != NULL; packet = va_arg(more, const char *))
		receive_packet(h, s, slice_of(packet));
	va_end(more);
	settle(w, i);
}

#endif
