#include "shared/action/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/action/application.h"
#include "shared/action/name.h"
#include "shared/wire/json.h"

void
admission_free(struct admission *a)
{
	free(a->user);
	free(a->data);
	free(a->reason);
	*a = (struct admission){NULL, NULL, NULL};
}

/* Is it an object whose keys are valid names? */
static bool
is_valid_data(struct slice data)
{
	struct json_value object, value;
	struct json_walk walk;
	struct slice key;
	struct buf text = {.p = NULL};
	bool good = true;

	if (json_parse(&object, data) == -1 || object.kind != JSON_KIND_OBJECT)
		return false;
	json_walk_begin(&walk, &object);
	while (good && json_walk_member(&walk, &key, &value)) {
		buf_clear(&text);
		json_string_decode(&text, key);
		good = !text.failed && name_is_valid(buf_slice(&text));
	}
	buf_free(&text);
	return good;
}

bool
admission_is_valid(struct slice user, struct slice data)
{
	return (user.p == NULL || name_is_valid(user)) && (data.p == NULL || is_valid_data(data));
}

int
admission_grant(struct admission *a, const char *user, const char *data)
{
	if (!admission_is_valid(slice_of(user), slice_of(data)))
		return -EINVAL;
	admission_free(a);
	a->user = user == NULL ? NULL : strdup(user);
	a->data = data == NULL ? NULL : strdup(data);
	if ((user != NULL && a->user == NULL) || (data != NULL && a->data == NULL))
		return -ENOMEM;
	return 0;
}

static int
set_admitted_value(struct application *app, int64_t session, struct slice key, struct slice value)
{
	struct buf name = {.p = NULL};
	int result = -1;

	json_string_decode(&name, key);
	if (!name.failed)
		result = quota_set_value(
		    app->hub, session, name.p == NULL ? SLICE("") : buf_slice(&name), value);
	buf_free(&name);
	/* beyond the limit the session begins without it, which is logged */
	return result == -EDQUOT ? 0 : result;
}

int
admission_apply(struct application *app, int64_t session, const struct admission *a)
{
	struct json_value object, value;
	struct json_walk walk;
	struct slice key;

	if (a->user == NULL && a->data == NULL)
		return 0;
	if (transaction_open(app->hub) == -1)
		return -1;
	if (a->user != NULL && quota_set_user(app->hub, session, slice_of(a->user)) == -1)
		return -1;
	if (a->data == NULL || json_parse(&object, slice_of(a->data)) == -1)
		return 0;
	json_walk_begin(&walk, &object);
	while (json_walk_member(&walk, &key, &value))
		if (set_admitted_value(app, session, key, value.text) != 0)
			return -1;
	return 0;
}
