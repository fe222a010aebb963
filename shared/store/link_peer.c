#include "shared/store/link_peer.h"

#include <stdio.h>

#include "shared/store/internal.h"

int
link_peer_read(struct store *st, int node, struct link_peer *peer)
{
	sqlite3_stmt *q = statement_bind(st, Q_LINK_PEER, "i", node);
	int step = sqlite3_step(q);
	struct slice epoch;

	*peer = (struct link_peer){.shipped = 0};
	if (step == SQLITE_ROW) {
		epoch = statement_column(q, 1);
		peer->shipped = sqlite3_column_int64(q, 0);
		peer->taken = sqlite3_column_int64(q, 2);
		snprintf(peer->epoch, sizeof(peer->epoch), "%.*s", (int)epoch.n, slice_text(epoch));
		step = sqlite3_step(q);
	}
	return statement_finish(st, q, step);
}

int
link_peer_set_shipped(struct store *st, int node, int64_t shipped)
{
	return statement_exec(st, Q_LINK_SET_SHIPPED, "il", node, shipped);
}

int
link_peer_set_taken(struct store *st, int node, struct slice epoch, int64_t taken)
{
	return statement_exec(st, Q_LINK_SET_TAKEN, "isl", node, epoch, taken);
}

char *
link_peer_position(struct store *st)
{
	return statement_text(st, st->q[Q_LINK_POSITION]);
}

int
link_peer_set_position(struct store *st, const char *id)
{
	return statement_exec(st, Q_LINK_SET_POSITION, "z", id);
}
