/* The readers of pollux.h: members, elements, numbers of JSON texts, in the handler's memory. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/wire/digit.h"
#include "shared/wire/json.h"

/* Read a text of the application's as a value of this kind. */
static bool
parse_kind(const char *json, enum json_kind kind, struct json_value *value)
{
	return json != NULL && json_parse(value, slice_of(json)) == 0 && value->kind == kind;
}

int
reader_kind(const void *handle, const char *json)
{
	static const int kinds[] = {
	    [JSON_KIND_NULL] = SIO_NULL,
	    [JSON_KIND_FALSE] = SIO_BOOL,
	    [JSON_KIND_TRUE] = SIO_BOOL,
	    [JSON_KIND_NUMBER] = SIO_NUMBER,
	    [JSON_KIND_STRING] = SIO_STRING,
	    [JSON_KIND_ARRAY] = SIO_ARRAY,
	    [JSON_KIND_OBJECT] = SIO_OBJECT,
	};
	struct json_value value;

	(void)handle;
	return json == NULL || json_parse(&value, slice_of(json)) == -1 ? SIO_NOT_JSON
	                                                                : kinds[value.kind];
}

/* --- numbers -------------------------------------------------------------------------------- */

bool
reader_bool(const void *handle, const char *json, bool *out)
{
	struct json_value value;

	(void)handle;
	if (json == NULL || json_parse(&value, slice_of(json)) == -1 ||
	    (value.kind != JSON_KIND_TRUE && value.kind != JSON_KIND_FALSE))
		return false;
	*out = value.kind == JSON_KIND_TRUE;
	return true;
}

/* strtod() with the point of JSON, whatever the module has told setlocale(). */
static bool
read_double(const void *handle, struct slice number, double *out)
{
	const char *point = localeconv()->decimal_point;
	const char *dot = memchr(number.p, '.', number.n);
	size_t before = dot == NULL ? number.n : (size_t)(dot - number.p);
	char *text = arena_alloc(module_of_handle(handle), number.n + strlen(point) + 1);

	if (text == NULL)
		return false;
	memcpy(text, number.p, before);
	if (dot != NULL) {
		strcpy(text + before, point);
		memcpy(text + before + strlen(point), dot + 1, number.n - before - 1);
	}
	*out = strtod(text, NULL);
	return isfinite(*out);
}

bool
reader_number(const void *handle, const char *json, double *out)
{
	struct json_value value;
	double number;

	if (!parse_kind(json, JSON_KIND_NUMBER, &value) ||
	    !read_double(handle, value.text, &number))
		return false;
	*out = number;
	return true;
}

bool
reader_integer(const void *handle, const char *json, int64_t *out)
{
	const double exact =
	    9007199254740992.0; /* 2^53: whole numbers of a double have gaps above */
	struct json_value value;
	struct slice digits;
	double number;
	int64_t whole;

	if (!parse_kind(json, JSON_KIND_NUMBER, &value))
		return false;
	digits = value.text.p[0] == '-' ? slice_skip(value.text, 1) : value.text;
	if (digit_run(digits) == digits.n) {
		errno = 0;
		whole = strtoll(value.text.p, NULL, 10);
		if (errno == ERANGE)
			return false;
		*out = whole;
		return true;
	}
	/* 5.0 and 1e3 are whole numbers, too */
	if (!read_double(handle, value.text, &number) || fabs(number) > exact ||
	    number != trunc(number))
		return false;
	*out = (int64_t)number;
	return true;
}

/* --- arrays --------------------------------------------------------------------------------- */

static size_t
count_elements(const struct json_value *array)
{
	struct json_walk walk;
	struct json_value element;
	size_t n = 0;

	json_walk_begin(&walk, array);
	while (json_walk_element(&walk, &element))
		n++;
	return n;
}

int
reader_length(const void *handle, const char *json)
{
	struct json_value array;

	(void)handle;
	return parse_kind(json, JSON_KIND_ARRAY, &array) ? (int)count_elements(&array) : -EINVAL;
}

/* Copy `text` to `*at`, which moves behind its NUL. */
static const char *
place_copy(char **at, struct slice text)
{
	char *copy = *at;

	memcpy(copy, text.p, text.n);
	*at = copy + text.n + 1; /* the arena is zeroed */
	return copy;
}

const char *const *
reader_elements(const void *handle, const char *json, size_t *n)
{
	struct json_value array, element;
	struct json_walk walk;
	const char **list;
	char *texts;
	size_t i = 0;

	*n = 0;
	if (!parse_kind(json, JSON_KIND_ARRAY, &array))
		return NULL;
	*n = count_elements(&array);
	/* the commas and brackets of the array make room for the NULs */
	list = arena_alloc(module_of_handle(handle), (*n + 1) * sizeof(*list) + array.text.n);
	if (list == NULL) {
		*n = 0;
		return NULL;
	}
	texts = (char *)(list + *n + 1);
	json_walk_begin(&walk, &array);
	while (json_walk_element(&walk, &element))
		list[i++] = place_copy(&texts, element.text);
	return list;
}

/* --- objects -------------------------------------------------------------------------------- */

bool
reader_find(const struct json_value *object, struct slice name, struct json_value *found)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	bool any = false;

	if (object->kind != JSON_KIND_OBJECT)
		return false;
	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		if (!json_string_equals(key, name))
			continue;
		*found = value;
		any = true;
	}
	return any;
}

const char *
reader_member_n(const void *handle, const char *json, const char *name, size_t n)
{
	struct json_value object, value;

	if (name == NULL || !parse_kind(json, JSON_KIND_OBJECT, &object) ||
	    !reader_find(&object, (struct slice){name, n}, &value))
		return NULL;
	return arena_copy(module_of_handle(handle), value.text);
}

const char *
reader_member(const void *handle, const char *json, const char *name)
{
	struct slice text = slice_of(name);

	return reader_member_n(handle, json, text.p, text.n);
}

/* List the members, or only those whose names are strings of C. */
static const sio_field *
list_members(const void *handle, const char *json, size_t *n, bool all)
{
	struct sio_app *app = module_of_handle(handle);
	struct json_value object, value;
	struct json_walk walk;
	struct slice key;
	struct buf name = {.p = NULL};
	size_t most = 0;
	sio_field *list;
	char *texts;

	*n = 0;
	if (!parse_kind(json, JSON_KIND_OBJECT, &object))
		return NULL;
	json_walk_begin(&walk, &object);
	while (json_walk_member(&walk, &key, &value))
		most++;
	/* a name is never longer than its literal, whose quotes make room for the NUL; the comma or
	 * bracket after the value, for the NUL of that */
	list = arena_alloc(app, (most + 1) * sizeof(*list) + object.text.n);
	if (list == NULL)
		return NULL;
	texts = (char *)(list + most + 1);
	json_walk_begin(&walk, &object);
	while (json_walk_member(&walk, &key, &value)) {
		buf_clear(&name);
		json_string_decode(&name, key);
		buf_add_char(&name, '\0');
		name.n -= !name.failed;
		if (name.failed)
			break;
		if (!all && slice_has_nul(buf_slice(&name)))
			continue;
		list[*n].name_n = name.n;
		list[*n].name = place_copy(&texts, buf_slice(&name));
		list[*n].value = place_copy(&texts, value.text);
		++*n;
	}
	if (name.failed) {
		*n = 0;
		list = NULL;
	}
	buf_free(&name);
	return list;
}

const sio_field *
reader_members(const void *handle, const char *json, size_t *n)
{
	return list_members(handle, json, n, false);
}

const sio_field *
reader_members_n(const void *handle, const char *json, size_t *n)
{
	return list_members(handle, json, n, true);
}
