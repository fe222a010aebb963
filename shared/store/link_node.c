#include "shared/store/link_node.h"

#include "shared/store/internal.h"

#define LOST_MS 3600000 /* a lost node is shown for so long, and until another one is lost */

int
link_node_put(struct store *st, const struct link_node *node)
{
	return statement_exec(st, Q_LINK_NODE_PUT, "isilss", node->number, node->name,
	    node->lives ? 1 : 0, node->since, node->version,
	    node->figures.n == 0 ? SLICE("{}") : node->figures);
}

int
link_node_lose(struct store *st, int number, int64_t now_ms)
{
	/* here, so that the table does not grow with every node that ever was */
	if (statement_exec(st, Q_LINK_NODE_FORGET_LOST, "l", now_ms - LOST_MS) == -1)
		return -1;
	return statement_exec(st, Q_LINK_NODE_LOSE, "il", number, now_ms);
}

int
link_node_forget(struct store *st, int number)
{
	return statement_exec(st, Q_LINK_NODE_FORGET, "i", number);
}

int
link_node_list(struct store *st, void (*each)(void *arg, const struct link_node *node), void *arg)
{
	sqlite3_stmt *q = st->q[Q_LINK_NODE_LIST];
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, &(struct link_node){
			      .number = sqlite3_column_int(q, 0),
			      .name = statement_column(q, 1),
			      .lives = sqlite3_column_int(q, 2) != 0,
			      .since = sqlite3_column_int64(q, 3),
			      .version = statement_column(q, 4),
			      .figures = statement_column(q, 5),
			  });
	return statement_finish(st, q, step);
}

int
link_node_find(struct store *st, struct slice name)
{
	sqlite3_stmt *q = statement_bind(st, Q_LINK_NODE_FIND, "s", name);
	int step = sqlite3_step(q), number = -1;

	if (step == SQLITE_ROW) {
		number = sqlite3_column_int(q, 0);
		step = sqlite3_step(q);
	}
	return statement_finish(st, q, step) == -1 ? -1 : number;
}
