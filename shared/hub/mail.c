#include "shared/hub/mail.h"

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/link/pack.h"
#include "shared/store/mailbox.h"
#include "shared/store/slots.h"

#define SECOND_MS      1000
#define TOLD_BYTES_MAX ((size_t)256 << 10) /* in a turn */

/* Is there another node to tell? */
static bool
has_peers(struct hub *h)
{
	return h->o.cluster && slots_link_peers(store_slots(h->store)) > 0;
}

/* Tell a node, or LINK_ALL; frees the body. */
static int
tell_nodes(struct hub *h, int node, enum link_kind kind, struct buf *body)
{
	int result = -1;

	if (body->failed)
		h->failed = true;
	else
		result = link_tell(h, node, kind, buf_slice(body));
	buf_free(body);
	return result;
}

/* --- keeping -------------------------------------------------------------------------------- */

static int64_t
smaller_of(size_t a, size_t b)
{
	return (int64_t)(a < b ? a : b);
}

static int
add_mail(struct hub *h, struct mailbox_mail *mail, bool *kept)
{
	/* all of it is sent at once: more than a queue takes would end the session, and be lost */
	const struct mailbox_limits limits = {
	    .messages = smaller_of(h->o.mailbox_messages, h->o.queue_packets / 2),
	    .bytes = smaller_of(h->o.mailbox_bytes, h->o.queue_bytes / 2),
	    .total_bytes = (int64_t)h->o.mailbox_total_bytes,
	};
	int64_t dropped;

	if (transaction_open(h) == -1 ||
	    mailbox_add(h->store, mail, &limits, kept, &dropped) == -1) {
		h->failed = true;
		return -1;
	}
	if (dropped > 0)
		log_counted(LOG_LEVEL_WARN, (unsigned)dropped, "messages dropped",
		    "the mailbox of user \"%.*s\" is full: its oldest messages are dropped",
		    (int)mail->user.n, mail->user.p);
	return 0;
}

static int
tell_of_mail(struct hub *h, int node, const struct mailbox_mail *mail, int64_t left_ms)
{
	struct buf body = {.p = NULL};

	frame_pack_mail(&body, &(struct link_mail){
				   .uid = mail->uid,
				   .left_ms = left_ms,
				   .user = mail->user,
				   .ns = mail->ns,
				   .packet = mail->packet,
			       });
	return tell_nodes(h, node, LINK_MAIL, &body);
}

int
mail_keep(struct hub *h, struct slice user, struct slice ns, struct slice packet, int64_t seconds,
    bool *kept)
{
	int64_t left_ms =
	    seconds < h->o.mailbox_ms / SECOND_MS ? seconds * SECOND_MS : h->o.mailbox_ms;
	struct mailbox_mail mail = {
	    .user = user, .ns = ns, .packet = packet, .until = clock_wall_ms() + left_ms};

	*kept = false;
	/* under the writer's lock: see slots_link_peers() */
	if (transaction_open(h) == -1)
		return -1;
	mail.is_shared = has_peers(h);
	if (add_mail(h, &mail, kept) == -1)
		return -1;
	if (!*kept)
		log_limited(LOG_LEVEL_WARN,
		    "a message to user \"%.*s\", who is away, is not kept: there is no room for it",
		    (int)user.n, user.p);
	return *kept && mail.is_shared ? tell_of_mail(h, LINK_ALL, &mail, left_ms) : 0;
}

int
mail_take(struct hub *h, const struct link_mail *mail)
{
	int64_t left_ms = mail->left_ms < h->o.mailbox_ms ? mail->left_ms : h->o.mailbox_ms;
	struct mailbox_mail taken = {
	    .uid = mail->uid,
	    .user = mail->user,
	    .ns = mail->ns,
	    .packet = mail->packet,
	    .until = clock_wall_ms() + left_ms,
	    .is_shared = true,
	};
	bool kept;

	return add_mail(h, &taken, &kept);
}

int
mail_tell(struct hub *h, int node, int64_t *after)
{
	int64_t now = clock_wall_ms();
	struct buf texts = {.p = NULL};
	struct mailbox_mail mail;
	enum store_result found = STORE_OK;
	size_t told = 0;

	while (found == STORE_OK && told < TOLD_BYTES_MAX && !h->failed) {
		buf_clear(&texts);
		found = mailbox_next(h->store, after, &mail, &texts);
		if (found == STORE_OK && mail.until > now) {
			told += texts.n;
			(void)tell_of_mail(h, node, &mail, mail.until - now);
		}
	}
	buf_free(&texts);
	if (found == STORE_FAILED)
		h->failed = true;
	return h->failed ? -1 : found == STORE_OK;
}

int
mail_drop_shared(struct hub *h)
{
	if (transaction_open(h) == 0 && mailbox_drop_shared(h->store) == 0)
		return 0;
	h->failed = true;
	return -1;
}

/* --- delivering ----------------------------------------------------------------------------- */

struct waiting_mail {
	struct buf packets; /* as pack_text() writes them */
	struct buf uids;    /* as pack_number() does */
};

static void
add_waiting(void *arg, int64_t uid, struct slice packet)
{
	struct waiting_mail *waiting = arg;

	pack_text(&waiting->packets, packet);
	pack_number(&waiting->uids, uid);
}

static int
send_waiting_mail(
    struct hub *h, struct session *s, const struct hub_ns *ns, struct waiting_mail *waiting)
{
	struct pack_reader in = {.rest = buf_slice(&waiting->packets)};

	while (in.rest.n > 0 && !in.failed)
		if (hub_publish_session(h, s, pack_read_text(&in), false) == -1)
			return -1;
	if (mailbox_delete(h->store, s->row.key, ns->name) == -1) {
		h->failed = true;
		return -1;
	}
	return 0;
}

static int
tell_delivered(struct hub *h, struct buf *uids)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(&body, &(struct link_signal){.text = buf_slice(uids)});
	return tell_nodes(h, LINK_ALL, LINK_TAKEN, &body);
}

int
mail_deliver(struct hub *h, struct session *s, const struct hub_ns *ns)
{
	struct waiting_mail waiting = {.packets = {.p = NULL}};
	int n, result = -1;

	if (s->over || held_is_remote(s))
		return 0;
	if (transaction_open(h) == -1)
		return -1;
	if (mailbox_is_empty(h->store))
		return 0;
	n = mailbox_list(h->store, s->row.key, ns->name, clock_wall_ms(), add_waiting, &waiting);
	if (n == -1 || waiting.packets.failed || waiting.uids.failed)
		h->failed = true;
	else if (n == 0)
		result = 0;
	else if (send_waiting_mail(h, s, ns, &waiting) == 0)
		result = has_peers(h) ? tell_delivered(h, &waiting.uids) : 0;
	buf_free(&waiting.packets);
	buf_free(&waiting.uids);
	return result;
}

int
mail_deliver_all(struct hub *h, struct session *s)
{
	/* delivering changes no membership */
	for (uint32_t i = 0; i < s->subs_n; i++) {
		const struct sub *sub = &s->subs[i];

		if (sub->is_ns && sub->ns != NULL && !sub->leaving && sub->until == INT64_MAX &&
		    mail_deliver(h, s, sub->ns) == -1)
			return -1;
	}
	return 0;
}

int
mail_forget(struct hub *h, struct slice uids)
{
	struct pack_reader in = {.rest = uids};

	while (in.rest.n > 0 && !in.failed)
		if (mailbox_remove(h->store, pack_read_number(&in)) == -1) {
			h->failed = true;
			return -1;
		}
	return 0;
}

void
mail_note_empty(struct hub *h)
{
	int64_t messages, bytes;

	/* looked at before the transaction, too: those that it forgets as it opens may come back */
	if (!mailbox_is_empty(h->store) && !store_in_transaction(h->store) &&
	    mailbox_total(h->store, &messages, &bytes) == 0 && messages == 0 &&
	    transaction_open_now(h) == 0 && mailbox_note_empty(h->store) == -1)
		h->failed = true;
}

void
mail_expire(struct hub *h)
{
	int64_t now = clock_wall_ms();

	if (!mailbox_is_empty(h->store) && mailbox_is_old(h->store, now) == 1 &&
	    transaction_open_now(h) == 0 && mailbox_expire(h->store, now) == -1)
		h->failed = true;
}
