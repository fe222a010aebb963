/* The calls of pollux.h that look at many sessions: who is reached, which rooms there are.
 *
 * What is listed is collected first: `each` may call anything, so no query may be open. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/store/listing.h"
#include "shared/store/session_data.h"
#include "shared/wire/sid.h"

/* --- sessions ------------------------------------------------------------------------------- */

/* Take the next key of a list. */
static bool
next_client(const struct buf *keys, size_t *at, int64_t *key, char id[SID_PUBLIC_LENGTH + 1])
{
	if (*at >= keys->n)
		return false;
	memcpy(key, keys->p + *at, sizeof(*key));
	sid_public_write(id, *key);
	*at += sizeof(*key);
	return true;
}

static int
collect_clients(const sio_target *t, struct buf *keys)
{
	struct target target;
	int result = send_target(t, &target);

	return result == 0 ? target_keys(&t->ns->h.app->base, &target, keys) : result;
}

int
look_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg)
{
	struct buf keys = {.p = NULL};
	char id[SID_PUBLIC_LENGTH + 1];
	int64_t key;
	size_t at = 0;
	int result = collect_clients(t, &keys);

	while (result >= 0 && next_client(&keys, &at, &key, id)) {
		result++;
		if (each != NULL)
			each(arg, id);
	}
	buf_free(&keys);
	return result;
}

int
look_clients_data(
    const sio_target *t, const char *keys, void (*each)(void *arg, const sio_client *c), void *arg)
{
	struct buf list = {.p = NULL}, data = {.p = NULL};
	char id[SID_PUBLIC_LENGTH + 1];
	struct slice names = slice_of(keys);
	int64_t key;
	size_t at = 0;
	int result = session_data_are_names(names) ? collect_clients(t, &list) : -EINVAL;

	while (result >= 0 && next_client(&list, &at, &key, id)) {
		struct store *st = hub_store(t->ns->h.app->base.hub);
		sio_client c = {.id = id};
		char *user;

		result++;
		if (each == NULL)
			continue;
		buf_clear(&data);
		user = session_row_user(st, key);
		if (session_data_json(st, key, names, &data) == -1)
			result = -EIO;
		buf_add_char(&data, '\0');
		c.user = user;
		c.data = data.p;
		if (data.failed)
			result = -ENOMEM;
		if (result >= 0)
			each(arg, &c);
		free(user);
	}
	buf_free(&data);
	buf_free(&list);
	return result;
}

/* --- rooms ---------------------------------------------------------------------------------- */

/* A room that was found; its name follows, then a NUL. */
struct found_room {
	size_t name_n;
	int sessions;
};

static void
collect_room(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	struct buf *found = arg;
	struct found_room head = {room.n, sessions > INT_MAX ? INT_MAX : (int)sessions};

	(void)ns;
	if (room.p == NULL) /* the namespace itself */
		return;
	buf_add(found, &head, sizeof(head));
	buf_add_slice(found, room);
	buf_add_char(found, '\0');
}

static int
collect_all_rooms(const sio_ns *ns, struct buf *found)
{
	const struct listing_room_filter filter = {
	    .of = LISTING_EVERYWHERE, .ns = ns->base.hub.name};

	if (ns->h.app->base.hub == NULL)
		return -EINVAL;
	if (listing_rooms(hub_store(ns->h.app->base.hub), &filter, collect_room, found) == -1)
		return -EIO;
	return found->failed ? -ENOMEM : 0;
}

/* Take the next room off the list. */
static bool
next_found_room(const struct buf *found, size_t *at, struct found_room *room, struct slice *name)
{
	if (*at >= found->n)
		return false;
	memcpy(room, found->p + *at, sizeof(*room));
	*name = (struct slice){found->p + *at + sizeof(*room), room->name_n};
	*at += sizeof(*room) + room->name_n + 1;
	return true;
}

int
look_ns_rooms_n(
    sio_ns *ns, void (*each)(void *arg, const char *room, size_t n, int sessions), void *arg)
{
	struct buf found = {.p = NULL};
	struct found_room room;
	struct slice name;
	size_t at = 0;
	int result = collect_all_rooms(ns, &found);

	while (result >= 0 && next_found_room(&found, &at, &room, &name)) {
		result++;
		if (each != NULL)
			each(arg, name.p, name.n, room.sessions);
	}
	buf_free(&found);
	return result;
}

int
look_ns_rooms(sio_ns *ns, void (*each)(void *arg, const char *room, int sessions), void *arg)
{
	struct buf found = {.p = NULL};
	struct found_room room;
	struct slice name;
	size_t at = 0;
	int result = collect_all_rooms(ns, &found);

	while (result >= 0 && next_found_room(&found, &at, &room, &name)) {
		if (slice_has_nul(name))
			continue;
		result++;
		if (each != NULL)
			each(arg, name.p, room.sessions);
	}
	buf_free(&found);
	return result;
}
