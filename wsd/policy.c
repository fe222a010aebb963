#include "wsd/policy.h"

#include "shared/wire/flashpolicy.h"
#include "wsd/deadline.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/partial.h"

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

/* It begins as a request for the policy does, but is none. */
static void
leave_to_http(struct wsd_conn *c, struct slice in)
{
	deadline_set(c, DEADLINE_REQUEST);
	if (wsd_http_open(c) == -1)
		wsd_conn_close(c, "socket error");
	else
		wsd_http_input(c, in);
	partial_free(&c->partial);
}

void
policy_input(struct wsd_conn *c, struct slice in)
{
	if (c->state == WSD_CONN_NEW) {
		c->state = WSD_CONN_POLICY;
		deadline_set(c, DEADLINE_POLICY);
	}
	if (partial_join(&c->partial, &in) == -1) {
		wsd_conn_close(c, "socket error");
		return;
	}
	switch (flashpolicy_sniff(in)) {
	case FLASHPOLICY_YES:
		c->wsd->counters.policies++;
		wsd_conn_send(c, message_keep(c->wsd->policy));
		wsd_conn_finish(c);
		break;
	case FLASHPOLICY_MORE:
		if (partial_keep(&c->partial, in, in.n, FLASHPOLICY_REQUEST_MAX + READ_BUFFER) ==
		    -1)
			wsd_conn_close(c, "socket error");
		break;
	case FLASHPOLICY_NO:
		leave_to_http(c, in);
		break;
	}
}
