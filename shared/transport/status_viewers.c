/* Who looks at the status page: the sessions in its namespace. */
#include <stdlib.h>

#include "shared/store/subscription.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

static void
add_viewer(void *arg, int64_t key)
{
	buf_add(arg, &key, sizeof(key));
}

/* Append their keys.  False: they could not be read. */
static bool
list_viewers(struct server *sv, struct buf *keys)
{
	return subscription_members(hub_store(sv->hub), sv->status.ns.chan, add_viewer, keys) !=
	           -1 &&
	       !keys->failed;
}

int
status_viewers_count(struct server *sv)
{
	struct buf keys = {.p = NULL};
	int n = list_viewers(sv, &keys) ? (int)(keys.n / sizeof(int64_t)) : 0;

	buf_free(&keys);
	return n;
}

/* Set the name of the login that a session began with.  Return false when it is not known: it is
 * another node's. */
static bool
find_login(struct server *sv, int64_t key, char login[STATUS_TEXT_SIZE])
{
	char *text = session_row_handshake(hub_store(sv->hub), key);
	struct json_value all, value;
	struct json_walk walk;
	struct slice name;
	bool found = false;

	if (text != NULL && json_parse(&all, slice_of(text)) == 0 && all.kind == JSON_KIND_OBJECT) {
		json_walk_begin(&walk, &all);
		while (!found && json_walk_member(&walk, &name, &value))
			if (json_string_is(name, "status") &&
			    value.text.n == STATUS_TEXT_SIZE - 1 + 2) {
				memcpy(login, value.text.p + 1, STATUS_TEXT_SIZE - 1);
				login[STATUS_TEXT_SIZE - 1] = '\0';
				found = true;
			}
	}
	free(text);
	return found;
}

/* Whether a session is of this node and goes on; it ends if its login has. */
static bool
check_viewer(struct server *sv, int64_t key)
{
	char login[STATUS_TEXT_SIZE];
	struct session *s;

	if (!find_login(sv, key, login))
		return false;
	if (status_access_key(sv, slice_of(login)) != NULL)
		return true;
	if (session_find_key(sv->hub, key, &s) == SESSION_LIVE)
		session_end(sv->hub, s, "logged out", true);
	return false;
}

int
status_viewers_check(struct server *sv)
{
	struct buf keys = {.p = NULL};
	int64_t key;
	int left = 0;

	if (list_viewers(sv, &keys))
		for (size_t i = 0; i < keys.n; i += sizeof(key)) {
			memcpy(&key, keys.p + i, sizeof(key));
			left += check_viewer(sv, key);
		}
	buf_free(&keys);
	return left;
}
