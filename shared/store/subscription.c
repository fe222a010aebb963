#include "shared/store/subscription.h"

#include "shared/store/internal.h"

int
store_sub_add(struct store *st, int64_t key, const struct store_sub *sub)
{
	return statement_exec(st, Q_SUBSCRIPTION_ADD, "lllsss", key, sub->chan, sub->since, sub->ns,
	    sub->room, sub->endpoint);
}

int
store_sub_end(struct store *st, int64_t key, int64_t chan, int64_t until)
{
	if (until < 0)
		return statement_exec(st, Q_SUBSCRIPTION_DELETE, "ll", key, chan);
	return statement_exec(st, Q_SUBSCRIPTION_END, "lll", key, chan, until);
}

int
store_sub_end_namespace(struct store *st, int64_t key, struct slice ns, int64_t until)
{
	if (until < 0)
		return statement_exec(st, Q_SUBSCRIPTION_DELETE_NS, "ls", key, ns);
	return statement_exec(st, Q_SUBSCRIPTION_END_NS, "lsl", key, ns, until);
}

int
store_subs(struct store *st, int64_t key, store_each_sub *each, void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_SUBSCRIPTION_LIST, "l", key);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_sub sub = {
		    .chan = sqlite3_column_int64(q, 0),
		    .since = sqlite3_column_int64(q, 1),
		    .until = sqlite3_column_type(q, 2) == SQLITE_NULL ? INT64_MAX
		                                                      : sqlite3_column_int64(q, 2),
		    .ns = statement_column(q, 3),
		    .room = statement_column(q, 4),
		    .endpoint = statement_column(q, 5),
		};

		each(arg, &sub);
	}
	return statement_finish(st, q, step);
}

int
store_members(struct store *st, int64_t chan, void (*each)(void *arg, int64_t key), void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_SUBSCRIPTION_MEMBERS, "l", chan), each, arg);
}

int
store_user_sessions(struct store *st, struct slice user, int64_t chan,
    void (*each)(void *arg, int64_t key), void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_SUBSCRIPTION_USER_SESSIONS, "sl", user, chan), each, arg);
}
