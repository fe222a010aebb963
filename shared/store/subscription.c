#include "shared/store/subscription.h"

#include "shared/store/internal.h"

int
subscription_add(struct store *st, int64_t key, const struct subscription *sub)
{
	return statement_exec(st, Q_SUBSCRIPTION_ADD, "lllsss", key, sub->chan, sub->since, sub->ns,
	    sub->room, sub->endpoint);
}

int
subscription_end(struct store *st, int64_t key, int64_t chan, int64_t until)
{
	if (until < 0)
		return statement_exec(st, Q_SUBSCRIPTION_DELETE, "ll", key, chan);
	return statement_exec(st, Q_SUBSCRIPTION_END, "lll", key, chan, until);
}

int
subscription_forget(struct store *st, int64_t key, int64_t chan, int64_t since)
{
	return statement_exec(st, Q_SUBSCRIPTION_FORGET, "lll", key, chan, since);
}

int
subscription_end_namespace(struct store *st, int64_t key, struct slice ns, int64_t until)
{
	if (until < 0)
		return statement_exec(st, Q_SUBSCRIPTION_DELETE_NS, "ls", key, ns);
	return statement_exec(st, Q_SUBSCRIPTION_END_NS, "lsl", key, ns, until);
}

int
subscription_list(struct store *st, int64_t key, subscription_each *each, void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_SUBSCRIPTION_LIST, "l", key);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct subscription sub = {
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
subscription_members(struct store *st, int64_t chan, store_each_key *each, void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_SUBSCRIPTION_MEMBERS, "l", chan), each, arg);
}

int
subscription_any(struct store *st, int64_t chan)
{
	int64_t any;

	if (statement_number(st, statement_bind(st, Q_SUBSCRIPTION_ANY, "l", chan), 0, &any) == -1)
		return -1;
	return any != 0;
}

int
subscription_user_sessions(
    struct store *st, struct slice user, int64_t chan, store_each_key *each, void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_SUBSCRIPTION_USER_SESSIONS, "sl", user, chan), each, arg);
}
