/* The handshake's data as the application reads it, and what an authorizer says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"

/* --- reading --------------------------------------------------------------------------------- */

/* The member of a JSON object by name; as in JavaScript, the last of that name counts. */
static bool
member(const struct json_value *object, const char *name, struct json_value *found)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	bool any = false;

	if (object->kind != JSON_KIND_OBJECT)
		return false;
	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		if (!json_string_is(key, name))
			continue;
		*found = value;
		any = true;
	}
	return any;
}

/* The member of the handshake, or a member of that member. */
static const char *
find(const sio_handshake *h, const char *name, const char *inner)
{
	struct json_value all, outer, value;

	if (json_parse(&all, slice_of(h->json)) == -1 || !member(&all, name, &outer))
		return NULL;
	if (inner == NULL)
		return app_copy(app_of(h), outer.text);
	return member(&outer, inner, &value) ? app_copy(app_of(h), value.text) : NULL;
}

const char *
app_handshake_field(const sio_handshake *h, const char *name)
{
	if (strcmp(name, "address.address") == 0)
		return find(h, "address", "address");
	if (strcmp(name, "address.port") == 0)
		return find(h, "address", "port");
	return find(h, name, NULL);
}

const char *
app_header(const sio_handshake *h, const char *name)
{
	return app_text(h, find(h, "headers", name));
}

const char *
app_query(const sio_handshake *h, const char *key)
{
	return app_text(h, find(h, "query", key));
}

/* --- judging --------------------------------------------------------------------------------- */

void
app_free_admission(struct admission *a)
{
	free(a->user);
	free(a->data);
	free(a->reason);
	*a = (struct admission){NULL, NULL, NULL};
}

/* An object whose keys can be keys of values. */
static bool
good_data(const char *data)
{
	struct json_value object, value;
	struct json_walk walk;
	struct slice key;
	struct buf text = {.p = NULL};
	bool good = true;

	if (json_parse(&object, slice_of(data)) == -1 || object.kind != JSON_KIND_OBJECT)
		return false;
	json_walk_begin(&walk, &object);
	while (good && json_walk_member(&walk, &key, &value)) {
		buf_clear(&text);
		json_string_decode(&text, key);
		good = !text.failed && app_good_name(buf_slice(&text));
	}
	buf_free(&text);
	return good;
}

int
app_accept(const sio_handshake *h, const char *user, const char *data)
{
	struct admission *a = h->admission;

	if (a == NULL) /* not in an authorizer */
		return -EINVAL;
	if ((user != NULL && !app_good_name(slice_of(user))) ||
	    (data != NULL && !good_data(data))) {
		log_warnx("application: accepted with a bad user or data that is no JSON object");
		return -EINVAL;
	}
	app_free_admission(a);
	a->user = user == NULL ? NULL : strdup(user);
	a->data = data == NULL ? NULL : strdup(data);
	if ((user != NULL && a->user == NULL) || (data != NULL && a->data == NULL))
		return -ENOMEM;
	return 0;
}

int
app_refuse(const sio_handshake *h, const char *reason)
{
	if (h->admission != NULL && reason != NULL) {
		app_free_admission(h->admission);
		h->admission->reason = strdup(reason);
	}
	return -EACCES;
}

static int
set_member(struct sio_app *app, int64_t session, struct slice key, struct slice value)
{
	struct buf name = {.p = NULL};
	int result = -1;

	json_string_decode(&name, key);
	if (!name.failed)
		result = store_set(hub_store(app->hub), session,
		    name.p == NULL ? SLICE("") : buf_slice(&name), value);
	buf_free(&name);
	return result;
}

int
app_admit(struct sio_app *app, int64_t session, const struct admission *a)
{
	struct json_value object, value;
	struct json_walk walk;
	struct slice key;

	if (a->user == NULL && a->data == NULL)
		return 0;
	if (hub_transaction(app->hub) == -1)
		return -1;
	if (a->user != NULL &&
	    store_session_set_user(hub_store(app->hub), session, slice_of(a->user)) == -1)
		return -1;
	if (a->data == NULL || json_parse(&object, slice_of(a->data)) == -1)
		return 0;
	json_walk_begin(&walk, &object);
	while (json_walk_member(&walk, &key, &value))
		if (set_member(app, session, key, value.text) == -1)
			return -1;
	return 0;
}
