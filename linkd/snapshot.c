#include "linkd/snapshot.h"

#include "linkd/portion.h"
#include "shared/base/buf.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/mail.h"
#include "shared/hub/presence.h"
#include "shared/store/link_out.h"
#include "shared/store/remote.h"

#define BYTES_A_ROW  ((size_t)64 << 10)
#define BYTES_A_TURN ((size_t)256 << 10)

/* It goes on when no more than this waits for Redis. */
#define WAITING_BYTES_MAX ((int64_t)4 << 20)

void
snapshot_begin(struct snapshot *s)
{
	*s = (struct snapshot){.is_under_way = true};
}

int
snapshot_tell(struct linkd *l, int number, enum link_kind kind, int64_t about)
{
	struct buf body = {.p = NULL};
	int result = -1;

	frame_pack_signal(&body, &(struct link_signal){.number = about});
	if (body.failed)
		transaction_fail(l->hub);
	else
		result = link_tell(l->hub, number, kind, buf_slice(&body));
	buf_free(&body);
	return result;
}

static int
tell_described(struct linkd *l, int number, struct buf *body)
{
	int result = 0;

	if (body->n > 0)
		result = link_tell(l->hub, number, LINK_PRESENCE, buf_slice(body));
	buf_clear(body);
	return result;
}

/* Describe sessions until the portion or the bytes are used up; `s->after` moves on. */
static int
describe_portion(struct linkd *l, struct snapshot *s, int number, const struct portion *p)
{
	struct buf body = {.p = NULL};
	size_t told = 0;
	int result = 0;

	for (int i = 0; i < p->n && told < BYTES_A_TURN && result == 0; i++) {
		size_t before = body.n;

		if (presence_describe(l->hub, p->keys[i], &body) == -1) {
			transaction_fail(l->hub);
			result = -1;
			break;
		}
		told += body.n - before;
		s->after = p->keys[i];
		if (body.n >= BYTES_A_ROW)
			result = tell_described(l, number, &body);
	}
	if (result == 0)
		result = tell_described(l, number, &body);
	buf_free(&body);
	return result;
}

static bool
snapshot_has_room(struct linkd *l)
{
	struct link_span span;
	int64_t most = (int64_t)l->cfg->cluster_queue_bytes / 4;

	if (most > WAITING_BYTES_MAX)
		most = WAITING_BYTES_MAX;
	return link_out_span(hub_store(l->hub), &span) == 0 && span.bytes <= most;
}

/* Under the writer's lock: rows of the same commit that report changes come behind these, and
 * repeat what these may tell already. */
int
snapshot_go_on(struct linkd *l, struct snapshot *s, int number, int *budget)
{
	struct portion p = {.n = 0};
	int most = *budget;

	if (most == 0 || !snapshot_has_room(l))
		return 0;
	if (s->has_ended) {
		int more = mail_tell(l->hub, number, &s->mail_after);

		s->is_under_way = more == 1;
		return more == -1 ? -1 : 0;
	}
	if (!s->has_begun && snapshot_tell(l, number, LINK_SNAPSHOT, 1) == -1)
		return -1;
	s->has_begun = true;
	if (remote_list_ours(hub_store(l->hub), s->after, most, portion_add, &p) == -1) {
		transaction_fail(l->hub);
		return -1;
	}
	if (describe_portion(l, s, number, &p) == -1)
		return -1;
	*budget -= p.n;
	if (p.n == most || (p.n > 0 && s->after != p.keys[p.n - 1]))
		return 0;
	s->has_ended = true;
	return snapshot_tell(l, number, LINK_SNAPSHOT, 0);
}
