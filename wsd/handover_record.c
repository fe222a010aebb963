#include "wsd/handover_record.h"

#include <string.h>

/* As it goes over the socket. */
struct record_head {
	char magic[4];
	uint32_t dialect, beat, in_n, out_n, zero;
	int64_t gen, beat_at;
	char sid[STORE_SID_SIZE];
};

_Static_assert(sizeof(struct record_head) == HANDOVER_RECORD_HEAD, "without gaps");

static const char record_magic[4] = {'P', 'L', 'X', 'H'};

void
handover_record_write(struct buf *to, const struct handover_record *r)
{
	struct record_head head = {
	    .dialect = r->dialect,
	    .beat = (uint32_t)r->state.beat,
	    .in_n = (uint32_t)r->in.n,
	    .out_n = (uint32_t)r->out.n,
	    .gen = r->state.gen,
	    .beat_at = r->state.beat_at,
	};

	memcpy(head.magic, record_magic, sizeof(head.magic));
	memcpy(head.sid, r->state.sid, sizeof(head.sid));
	buf_add(to, &head, sizeof(head));
	buf_add_slice(to, r->in);
	buf_add_slice(to, r->out);
}

static bool
is_record(const struct record_head *head)
{
	return memcmp(head->magic, record_magic, sizeof(head->magic)) == 0 &&
	       head->dialect < HANDOVER_DIALECTS &&
	       (head->beat == HEARTBEAT_BEAT || head->beat == HEARTBEAT_ANSWER) &&
	       (uint64_t)head->in_n + head->out_n <= HANDOVER_RECORD_MOST &&
	       memchr(head->sid, '\0', sizeof(head->sid)) != NULL;
}

enum handover_record_result
handover_record_read(struct handover_record *r, struct slice from, size_t *used)
{
	struct record_head head;

	if (from.n < sizeof(head))
		return HANDOVER_RECORD_MORE;
	memcpy(&head, from.p, sizeof(head));
	if (!is_record(&head))
		return HANDOVER_RECORD_NEVER;
	*used = sizeof(head) + head.in_n + head.out_n;
	if (from.n < *used)
		return HANDOVER_RECORD_MORE;
	*r = (struct handover_record){
	    .dialect = head.dialect,
	    .state = {.gen = head.gen,
		.beat = (enum heartbeat_state)head.beat,
		.beat_at = head.beat_at},
	    .in = {from.p + sizeof(head), head.in_n},
	    .out = {from.p + sizeof(head) + head.in_n, head.out_n},
	};
	memcpy(r->state.sid, head.sid, sizeof(head.sid));
	return HANDOVER_RECORD_WHOLE;
}
