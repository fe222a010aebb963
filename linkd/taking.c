#include "linkd/taking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/dispatch.h"
#include "linkd/node_text.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/link/frame.h"
#include "shared/store/link_peer.h"
#include "shared/store/slots.h"

/* How far we are with a node. */
struct taking_peer {
	struct link_peer row;
	bool is_dirty;
};

struct taking {
	struct linkd *l;
	char epoch[24];                          /* of the database that `peers` is from */
	struct taking_peer *peers[NODE_NUMBERS]; /* NULL: not read yet */
	uint64_t rows;                           /* taken in this turn */
	bool told_garbage, told_version;
};

static void
taking_forget_peers(struct taking *t)
{
	for (int i = 0; i < NODE_NUMBERS; i++) {
		free(t->peers[i]);
		t->peers[i] = NULL;
	}
}

struct taking *
taking_open(struct linkd *l)
{
	struct taking *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->l = l;
	return t;
}

void
taking_close(struct taking *t)
{
	if (t == NULL)
		return;
	taking_forget_peers(t);
	free(t);
}

bool
taking_follow_store(struct taking *t)
{
	const char *epoch = store_epoch(hub_store(t->l->hub));

	if (strcmp(t->epoch, epoch) == 0)
		return false;
	snprintf(t->epoch, sizeof(t->epoch), "%s", epoch);
	taking_forget_peers(t);
	return true;
}

/* NULL: no memory, or the store failed. */
static struct taking_peer *
taking_peer(struct taking *t, int node)
{
	struct taking_peer *peer = t->peers[node];

	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL || link_peer_read(hub_store(t->l->hub), node, &peer->row) == -1) {
		free(peer);
		return NULL;
	}
	t->peers[node] = peer;
	return peer;
}

static struct slots *
taking_slots(const struct taking *t)
{
	return store_slots(hub_store(t->l->hub));
}

/* --- who speaks ---------------------------------------------------------------------------- */

static bool
taking_head_is_sound(const struct taking *t, const struct link_head *head)
{
	return head->sender >= 0 && head->sender < NODE_NUMBERS &&
	       head->sender != link_number(t->l->hub) && head->epoch.n > 0 &&
	       head->epoch.n < sizeof(t->peers[0]->row.epoch) && !slice_has_nul(head->epoch) &&
	       head->prev >= 0;
}

bool
taking_is_of_stranger(const struct taking *t, struct slice bytes)
{
	struct link_head head;

	return frame_unpack_head(&bytes, &head) && head.version == LINK_VERSION &&
	       taking_head_is_sound(t, &head) && !link_lives(t->l->hub, (int)head.sender);
}

/* --- what cannot be read -------------------------------------------------------------------- */

static void
taking_drop_garbage(struct taking *t)
{
	slots_link_count(taking_slots(t), LINK_COUNT_BAD, 1);
	if (!t->told_garbage)
		log_warnx("link: the stream of this node in Redis has something that no node has "
			  "written; it is dropped, and what follows is only counted");
	t->told_garbage = true;
}

static void
taking_drop_version(struct taking *t, unsigned version)
{
	slots_link_count(taking_slots(t), LINK_COUNT_BAD, 1);
	if (!t->told_version)
		log_warnx("link: another node speaks version %u, which this one does not know; "
			  "what it says is dropped",
		    version);
	t->told_version = true;
}

/* --- frames --------------------------------------------------------------------------------- */

/* Is it one that lives for us?  What it tells of its sessions waits until then: it is asked for all
 * of it when it is seen, and told late it would bring a dead node's sessions back. */
static bool
taking_believes(const struct taking *t, int node, unsigned char kind)
{
	return (kind != LINK_PRESENCE && kind != LINK_SNAPSHOT) || link_lives(t->l->hub, node);
}

/* Are rows missing before this entry?  Of a node, or a database, that is new to us none are. */
static void
taking_look_back(struct taking *t, struct taking_peer *peer, const struct link_head *head)
{
	int node = (int)head->sender;

	if (!slice_is(head->epoch, peer->row.epoch)) {
		snprintf(peer->row.epoch, sizeof(peer->row.epoch), "%.*s", (int)head->epoch.n,
		    slice_text(head->epoch));
		peer->row.taken = head->prev;
		peer->is_dirty = true;
	} else if (head->prev > peer->row.taken) {
		log_limited(LOG_LEVEL_WARN,
		    "link: messages of node %d were lost: its stream was trimmed or emptied, or it "
		    "could not keep them",
		    node);
		slots_link_count(taking_slots(t), LINK_COUNT_GAPS, 1);
		peer->row.taken = head->prev;
		peer->is_dirty = true;
		dispatch_gap(t->l, node);
	}
}

static void
taking_frames(struct taking *t, struct taking_peer *peer, int node, struct slice rest)
{
	struct link_frame frame;
	bool failed = false;

	while (frame_unpack_frame(&rest, &frame, &failed)) {
		if (frame.seq <= peer->row.taken)
			continue; /* shipped twice */
		peer->row.taken = frame.seq;
		peer->is_dirty = true;
		t->rows++;
		if (taking_believes(t, node, frame.kind))
			dispatch_frame(t->l, node, &frame);
	}
	if (failed)
		taking_drop_garbage(t);
}

void
taking_entry(struct taking *t, struct slice bytes)
{
	struct link_head head;
	struct taking_peer *peer;

	if (!frame_unpack_head(&bytes, &head)) {
		taking_drop_garbage(t);
		return;
	}
	if (head.version != LINK_VERSION) {
		taking_drop_version(t, head.version);
		return;
	}
	if (!taking_head_is_sound(t, &head)) {
		taking_drop_garbage(t);
		return;
	}
	peer = taking_peer(t, (int)head.sender);
	if (peer == NULL) {
		transaction_fail(t->l->hub);
		return;
	}
	taking_look_back(t, peer, &head);
	taking_frames(t, peer, (int)head.sender, bytes);
}

int
taking_end(struct taking *t)
{
	struct store *st = hub_store(t->l->hub);

	for (int i = 0; i < NODE_NUMBERS; i++) {
		struct taking_peer *peer = t->peers[i];

		if (peer != NULL && peer->is_dirty &&
		    link_peer_set_taken(st, i, slice_of(peer->row.epoch), peer->row.taken) == -1)
			return -1;
	}
	return 0;
}

void
taking_settled(struct taking *t, bool committed)
{
	if (!committed) {
		taking_forget_peers(t);
		t->rows = 0;
		return;
	}
	for (int i = 0; i < NODE_NUMBERS; i++)
		if (t->peers[i] != NULL)
			t->peers[i]->is_dirty = false;
	slots_link_count(taking_slots(t), LINK_COUNT_TAKEN, t->rows);
	t->rows = 0;
}
