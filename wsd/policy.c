#include "wsd/policy.h"

#include "shared/wire/flashpolicy.h"
#include "wsd/deadline.h"
#include "wsd/http_read.h"
#include "wsd/outqueue.h"

struct message *
policy_new(const struct config *cfg)
{
	struct message *m;
	struct buf out;

	buf_init(&out, 0);
	flashpolicy_write(&out, slice_of(cfg->origins));
	m = out.failed ? NULL : outqueue_raw(buf_slice(&out));
	buf_free(&out);
	return m;
}

/* The bytes are not a request for the policy. */
static void
policy_leave_to_http(struct wsd_conn *c)
{
	/* after '<' the time was short; HTTP's refusal has the usual one.  A request that begins
	 * otherwise keeps the deadline that it got at accept. */
	if (c->waits == DEADLINE_POLICY)
		deadline_set(c, DEADLINE_REQUEST);
	/* HTTP reads `*in` next, which may be c->partial's: so that stays until the connection is
	 * closed.  That is soon, since HTTP refuses what begins with '<'. */
	http_read_open(c);
}

static void
policy_input(struct wsd_conn *c, struct slice *in)
{
	if (partial_join(&c->partial, in) == -1) {
		wsd_conn_close(c, "socket error");
		return;
	}
	switch (flashpolicy_sniff(*in)) {
	case FLASHPOLICY_YES:
		c->wsd->counters.policies++;
		wsd_conn_send(c, message_keep(c->wsd->policy));
		wsd_conn_finish(c); /* Flash waits for the end of the connection */
		break;
	case FLASHPOLICY_MORE:
		if (c->waits != DEADLINE_POLICY)
			deadline_set(c, DEADLINE_POLICY);
		if (partial_keep(&c->partial, *in, in->n, FLASHPOLICY_REQUEST_MAX + READ_BUFFER) ==
		    -1)
			wsd_conn_close(c, "socket error");
		break;
	case FLASHPOLICY_NO:
		policy_leave_to_http(c);
		break;
	}
}

static void
policy_eof(struct wsd_conn *c)
{
	wsd_conn_close(c, "socket end");
}

static bool
policy_takes_input(const struct wsd_conn *c)
{
	(void)c;
	return true;
}

static const char *
policy_expire(struct wsd_conn *c)
{
	(void)c;
	return "request timeout";
}

/* No answer is under way: sending it leaves WSD_CONN_OPEN. */
static bool
policy_is_idle(const struct wsd_conn *c)
{
	(void)c;
	return true;
}

static void
policy_does_nothing(struct wsd_conn *c)
{
	(void)c;
}

static bool
policy_needs_no_store(const struct wsd_conn *c)
{
	(void)c;
	return false;
}

const struct protocol policy_protocol = {
    .name = "policy",
    .read_bytes = READ_BUFFER,
    .input = policy_input,
    .eof = policy_eof,
    .takes_input = policy_takes_input,
    .flushed = policy_does_nothing,
    .after = policy_does_nothing,
    .resume = policy_does_nothing,
    .needs_store = policy_needs_no_store,
    .expire = policy_expire,
    .is_idle = policy_is_idle,
    .end = policy_does_nothing,
};
