/* Who looks at the status page: the sessions in its namespace. */
#include <stdlib.h>

#include "shared/store/subscription.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

#define VIEWERS_MAX 32 /* pages at once */

struct viewers {
	int64_t key[VIEWERS_MAX];
	int n;
};

static void
add_viewer(void *arg, int64_t key)
{
	struct viewers *v = arg;

	if (v->n < VIEWERS_MAX)
		v->key[v->n++] = key;
}

int
status_viewers_count(struct server *sv)
{
	struct viewers v = {.n = 0};

	(void)subscription_members(hub_store(sv->hub), sv->status.ns.chan, add_viewer, &v);
	return v.n;
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

int
status_viewers_check(struct server *sv)
{
	struct viewers v = {.n = 0};
	char login[STATUS_TEXT_SIZE];
	struct session *s;
	int left = 0;

	if (subscription_members(hub_store(sv->hub), sv->status.ns.chan, add_viewer, &v) == -1)
		return 0;
	for (int i = 0; i < v.n; i++) {
		if (!find_login(sv, v.key[i], login))
			continue;
		if (status_access_key(sv, slice_of(login)) != NULL)
			left++;
		else if (session_find_key(sv->hub, v.key[i], &s) == SESSION_LIVE)
			session_end(sv->hub, s, "logged out", true);
	}
	return left;
}
