/* testapp: the application of test_app*.c.  Its handlers note what they are told, and the event
 * "do" runs a script of the test's own. */
#ifndef POLLUX_TESTS_TESTAPP_H
#define POLLUX_TESTS_TESTAPP_H

#include "tests/unit/process.h"

#include <errno.h>

#include "shared/base/log.h"

static inline void
on_do(sio_socket *s, const sio_event *e, void *user)
{
	struct world *w = user;

	if (w->script != NULL)
		w->script(w, s, e);
}

static inline void
on_connection(sio_socket *s, const sio_event *e, void *user)
{
	note(user, "connection%s(%s)", sio_endpoint(s), e->text);
	if (sio_endpoint(s)[0] == '\0')
		sio_join(s, "lobby");
}

static inline void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	struct world *w = user;

	note(w, "disconnect%s(%s)", sio_endpoint(s), e->text);
	if (w->last_words != NULL)
		w->last_words(w, s, e);
}

static inline void
on_rest(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	note(user, "*%s%s", e->name, e->args);
}

static inline void
on_message(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	note(user, "%s:%s", e->is_json ? "json" : "text", e->text == NULL ? e->args : e->text);
}

static inline void
on_answer(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	note(user, "%s%s%s%s", e->timed_out ? "late:" : "", e->name, e->args,
	    e->context == NULL ? "" : e->context);
}

static char asked_later[64]; /* the text that the authorizer got */

static inline int
authorize(const sio_handshake *h, void *user)
{
	const char *token = sio_query(h, "token");

	(void)user;
	if (token == NULL)
		return 0;
	if (strcmp(token, "bob") == 0)
		return sio_accept(h, "42",
		    sio_format(h, "{\"nick\":%s,\"pi\":3.140}", sio_arg(h, "[\"bob\"]", 0)));
	if (strcmp(token, "broken") == 0)
		return sio_accept(h, "42", "[1]");
	if (strcmp(token, "unnamed") == 0)
		return -EINPROGRESS;
	if (strcmp(token, "later") == 0)
		return snprintf(asked_later, sizeof(asked_later), "%s", sio_verdict_later(h)) > 0
		           ? -EINPROGRESS
		           : -EIO;
	return strcmp(token, "error") == 0 ? -ENOENT : sio_refuse(h, "a bad token");
}

static inline int
authorize_private(const sio_handshake *h, void *user)
{
	sio_socket *s = sio_handshake_socket(h);

	(void)user;
	assert_int_equal(sio_emit(s, "too early", NULL), -EPIPE);
	if (sio_has(s, "banned"))
		return sio_refuse(h, "banned");
	return sio_accept(
	    h, strcmp(sio_handshake_query(h), "as=alice") == 0 ? "alice" : NULL, "{\"seen\":true}");
}

static inline void
set_up(sio_app *app, struct world *w)
{
	static const char *const names[] = {"", "/chat", "/private"};

	for (size_t i = 0; i < 3; i++) {
		sio_ns *ns = sio_of(app, names[i]);

		assert_ptr_equal(ns, sio_of(app, names[i]));
		assert_int_equal(sio_on(ns, "do", on_do, w), 0);
		assert_int_equal(sio_on(ns, "message", on_message, w), 0);
		assert_int_equal(sio_on(ns, "connection", on_connection, w), 0);
		assert_int_equal(sio_on(ns, "disconnect", on_disconnect, w), 0);
		assert_int_equal(sio_on(ns, "*", on_rest, w), 0);
		assert_int_equal(sio_on_ack(ns, "answer", on_answer, w), 0);
	}
	assert_int_equal(sio_authorization(app, authorize, NULL), 0);
	assert_int_equal(sio_ns_authorization(sio_of(app, "/private"), authorize_private, w), 0);
}

static inline int
setup(void **state)
{
	*state = world_open(set_up);
	return 0;
}

static inline int
teardown(void **state)
{
	world_close(*state);
	return 0;
}

/* The client has its application's script run. */
static inline void
run(struct world *w, int i, const struct client *c,
    void (*script)(struct world *w, sio_socket *s, const sio_event *e))
{
	w->script = script;
	say(w, i, c, "5:::{\"name\":\"do\"}", NULL);
}

#define DO      "5:::{\"name\":\"do\"}"
#define DO_CHAT "5::/chat:{\"name\":\"do\"}"

/* What the log says from now on until log_said(). */
static inline const char *
log_into(const struct world *w)
{
	static char path[128];

	log_tick(INT64_MAX); /* what other tests have caused is news again */
	snprintf(path, sizeof(path), "%s/log", w->folder);
	unlink(path);
	assert_int_equal(log_open("test", LOG_LEVEL_INFO, path), 0);
	return path;
}

static inline char *
log_said(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	assert_int_equal(log_open("test", LOG_LEVEL_INFO, "/dev/stderr"), 0);
	return text;
}

static inline size_t
count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

static inline void
say_to_others(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	sio_send_to(sio_broadcast(s), "others", 6);
	sio_send_to(sio_broadcast_to(s, "lobby"), "lobby", 5);
	sio_send_to(sio_broadcast_to(s, "empty"), "empty", 5);
}

#endif
