/* The handshake's data as the application reads it, and the verdict of an authorizer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/store/session_data.h"
#include "shared/wire/cookie.h"
#include "shared/wire/json.h"

/* --- reading -------------------------------------------------------------------------------- */

/* Copy a member of the handshake, or with `inner` a member of that member. */
static const char *
copy_handshake_member(const sio_handshake *h, const char *name, const char *inner)
{
	struct json_value all, outer, value;

	if (json_parse(&all, slice_of(h->json)) == -1 || !reader_find(&all, slice_of(name), &outer))
		return NULL;
	if (inner == NULL)
		return arena_copy(module_of_handle(h), outer.text);
	return reader_find(&outer, slice_of(inner), &value)
	           ? arena_copy(module_of_handle(h), value.text)
	           : NULL;
}

const char *
handshake_data_field(const sio_handshake *h, const char *name)
{
	const char *field;

	if (name == NULL)
		return NULL;
	if (strcmp(name, "address.address") == 0)
		return copy_handshake_member(h, "address", "address");
	if (strcmp(name, "address.port") == 0)
		return copy_handshake_member(h, "address", "port");
	field = copy_handshake_member(h, name, NULL);
	/* what an authorizer has added to it is a value of the session */
	if (field == NULL && h->session != NULL)
		field = arena_keep(h->h.app, session_data_get(hub_store(h->h.app->base.hub),
						 session_key(h->session), slice_of(name)));
	return field;
}

const char *
handshake_data_header(const sio_handshake *h, const char *name)
{
	return text_decode(h, copy_handshake_member(h, "headers", name));
}

const char *
handshake_data_query(const sio_handshake *h, const char *key)
{
	return text_decode(h, copy_handshake_member(h, "query", key));
}

const char *
handshake_data_cookie(const sio_handshake *h, const char *name)
{
	struct slice header = slice_of(handshake_data_header(h, "cookie")), value;

	return name != NULL && cookie_find(header, slice_of(name), &value)
	           ? arena_copy(module_of_handle(h), value)
	           : NULL;
}

/* --- the verdict ---------------------------------------------------------------------------- */

int
handshake_data_accept(const sio_handshake *h, const char *user, const char *data)
{
	int result;

	if (h->admission == NULL) /* not in an authorizer */
		return -EINVAL;
	result = admission_grant(h->admission, user, data);
	if (result == -EINVAL)
		log_limited(LOG_LEVEL_WARN,
		    "application: sio_accept(): "
		    "the user is not a valid name, or the data not a JSON object");
	return result;
}

int
handshake_data_refuse(const sio_handshake *h, const char *reason)
{
	if (h->admission != NULL && reason != NULL) {
		admission_free(h->admission);
		h->admission->reason = strdup(reason);
	}
	return -EACCES;
}
