/* hookapp: a web hook and a hub with one session on it, as unit tests see them.  Nobody listens at
 * the hook's URL. */
#ifndef POLLUX_TESTS_HOOKAPP_H
#define POLLUX_TESTS_HOOKAPP_H

#include "tests/unit/folder.h"
#include "tests/unit/process.h"

#include "shared/hook/internal.h"
#include "shared/store/hook_queue.h"

#define SECRET "whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx"

struct fixture {
	struct config cfg;
	char folder[64];
	struct application *app;
	struct hook *hook;
	struct hub *hub;
	int64_t now;
	struct client client;
	int64_t key;
	char *thrown; /* what the last reply said went wrong with the event */
};

static inline int64_t
turn(struct fixture *f)
{
	int64_t next, other;
	int result;

	application_run(f->app);
	result = hub_turn_end(f->hub, &next);
	other = application_settled(f->app, result == 0);
	hub_turn_begin(f->hub, f->now);
	return other < next ? other : next;
}

static inline struct session *
session(struct fixture *f)
{
	struct session *s = NULL;

	assert_int_equal(session_find(f->hub, slice_of(f->client.sid), &s), SESSION_LIVE);
	return s;
}

/* Nobody listens at port 1. */
static inline int
open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct hub_options options;

	assert_non_null(f);
	config_default(&f->cfg);
	snprintf(f->folder, sizeof(f->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->cfg.hook_url, sizeof(f->cfg.hook_url), "http://127.0.0.1:1/hook?secret=1");
	snprintf(f->cfg.hook_secret, sizeof(f->cfg.hook_secret), SECRET);
	snprintf(f->cfg.hook_namespaces, sizeof(f->cfg.hook_namespaces), "/chat");
	f->now = 1000000;
	f->app = hook_open(&f->cfg);
	assert_non_null(f->app);
	f->hook = hook_of(f->app);
	options = (struct hub_options){
	    .kind = 1,
	    .folder = f->folder,
	    .app = application_for_hub(f->app),
	    HUB_LIMITS,
	};
	f->hub = hub_open(&options);
	assert_non_null(f->hub);
	application_set_hub(f->app, f->hub);
	hub_turn_begin(f->hub, f->now);
	assert_int_equal(
	    session_create(f->hub, "{}", SLICE("127.0.0.1"), f->client.sid), SESSION_CREATED);
	f->key = sid_key((struct slice){f->client.sid, SID_LENGTH});
	assert_int_equal(session_attach(f->hub, session(f), TRANSPORT_WEBSOCKET, true, &sink_ops,
			     &f->client.sink),
	    0);
	*state = f;
	return 0;
}

static inline int
close_fixture(void **state)
{
	struct fixture *f = *state;

	application_stop(f->app);
	hub_close(f->hub);
	application_close(f->app);
	delete_folder(f->folder);
	free(f->thrown);
	free(f);
	return 0;
}

struct rows {
	size_t n;
	struct hook_entry at[32];
};

static inline void
add_row(void *arg, const struct hook_entry *entry)
{
	struct rows *rows = arg;

	assert_true(rows->n < 32);
	rows->at[rows->n++] = *entry;
}

static inline struct rows
rows_of(struct fixture *f)
{
	struct rows rows = {.n = 0};

	assert_int_equal(hook_queue_list(hub_store(f->hub), 0, add_row, &rows), 0);
	return rows;
}

#endif
