#include "wsd/policy.h"

#include "shared/wire/flashpolicy.h"
#include "wsd/deadline.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/rest.h"

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
leave_to_http(struct conn *c, struct slice in)
{
	deadline_set(c, DEADLINE_REQUEST);
	if (http_open(c) == -1)
		conn_close(c, "socket error");
	else
		http_input(c, in);
	rest_free(&c->rest);
}

void
policy_input(struct conn *c, struct slice in)
{
	if (c->state == CONN_NEW) {
		c->state = CONN_POLICY;
		deadline_set(c, DEADLINE_POLICY);
	}
	if (rest_join(&c->rest, &in) == -1) {
		conn_close(c, "socket error");
		return;
	}
	switch (flashpolicy_sniff(in)) {
	case FLASHPOLICY_YES:
		c->wsd->counters.policies++;
		conn_send(c, message_keep(c->wsd->policy));
		conn_finish(c);
		break;
	case FLASHPOLICY_MORE:
		if (rest_keep(&c->rest, in, in.n, FLASHPOLICY_REQUEST_MAX + READ_BUFFER) == -1)
			conn_close(c, "socket error");
		break;
	case FLASHPOLICY_NO:
		leave_to_http(c, in);
		break;
	}
}
