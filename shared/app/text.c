/* The helpers of pollux.h: JSON texts taken apart and put together, in the handler's memory. */
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* Not JSON, so that the call that gets it fails: see sio_args(). */
#define NOT_JSON "(an argument of sio_args() is wrong)"

/* The text of `built` in the arena; NULL when building failed.  `built` is freed. */
static const char *
finish_text(struct sio_app *app, struct buf *built)
{
	const char *copy = NULL;

	if (!built->failed)
		copy = arena_copy(app, built->p == NULL ? SLICE("") : buf_slice(built));
	buf_free(built);
	return copy;
}

/* The application may have built the array itself, so it is checked here. */
const char *
text_arg(const void *handle, const char *args, size_t i)
{
	struct json_value array, element;
	struct json_walk walk;

	if (args == NULL || json_parse(&array, slice_of(args)) == -1 ||
	    array.kind != JSON_KIND_ARRAY)
		return NULL;
	json_walk_begin(&walk, &array);
	while (json_walk_element(&walk, &element))
		if (i-- == 0)
			return arena_copy(module_of_handle(handle), element.text);
	return NULL;
}

const char *
text_decode_n(const void *handle, const char *json, size_t *n)
{
	struct json_value value;
	struct buf text = {.p = NULL};

	*n = 0;
	if (json == NULL || json_parse(&value, slice_of(json)) == -1 ||
	    value.kind != JSON_KIND_STRING)
		return NULL;
	json_string_decode(&text, value.text);
	*n = text.n;
	return finish_text(module_of_handle(handle), &text);
}

const char *
text_decode(const void *handle, const char *json)
{
	size_t n;
	const char *text = text_decode_n(handle, json, &n);

	/* never a part of it: "admin\0x" is not the room "admin" */
	return text == NULL || strlen(text) != n ? NULL : text;
}

const char *
text_quote(const void *handle, const char *text, size_t n)
{
	struct buf literal = {.p = NULL};

	json_write_string(&literal, (struct slice){text, n});
	return finish_text(module_of_handle(handle), &literal);
}

const char *
text_format(const void *handle, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = n < 0 ? NULL : arena_alloc(module_of_handle(handle), (size_t)n + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

/* --- sio_args() ----------------------------------------------------------------------------- */

static void
add_text_arg(struct buf *out, const char *text)
{
	if (text == NULL)
		buf_puts(out, "null");
	else if (utf8_valid(slice_of(text)))
		json_write_string(out, slice_of(text));
	else
		out->failed = true;
}

static void
add_json_arg(struct buf *out, const char *json)
{
	struct json_value value;

	if (json == NULL)
		buf_puts(out, "null");
	else if (json_parse(&value, slice_of(json)) == 0)
		buf_add_slice(out, value.text);
	else
		out->failed = true;
}

/* As JavaScript: the shortest digits that read back as the same number; NaN and infinity: null. */
void
text_write_double(struct buf *out, double value)
{
	char digits[32];
	const char *mark = localeconv()->decimal_point; /* a module may have called setlocale() */
	const char *point;

	if (!isfinite(value)) {
		buf_puts(out, "null");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	point = strstr(digits, mark);
	if (point == NULL) {
		buf_puts(out, digits);
		return;
	}
	buf_add(out, digits, (size_t)(point - digits));
	buf_add_char(out, '.');
	buf_puts(out, point + strlen(mark));
}

const char *
text_args(const void *handle, const char *kinds, va_list values)
{
	struct buf out = {.p = NULL};
	const char *json;

	buf_add_char(&out, '[');
	for (const char *kind = kinds; *kind != '\0' && !out.failed; kind++) {
		if (kind > kinds)
			buf_add_char(&out, ',');
		switch (*kind) {
		case 's':
			add_text_arg(&out, va_arg(values, const char *));
			break;
		case 'j':
			add_json_arg(&out, va_arg(values, const char *));
			break;
		case 'i':
			buf_printf(&out, "%d", va_arg(values, int));
			break;
		case 'l':
			buf_printf(&out, "%lld", (long long)va_arg(values, int64_t));
			break;
		case 'd':
			text_write_double(&out, va_arg(values, double));
			break;
		case 'b':
			buf_puts(&out, va_arg(values, int) != 0 ? "true" : "false");
			break;
		default:
			out.failed = true;
		}
	}
	buf_add_char(&out, ']');
	json = finish_text(module_of_handle(handle), &out);
	return json == NULL ? NOT_JSON : json;
}

void
text_log(const void *handle, const char *format, ...)
{
	char line[900];
	va_list args;

	(void)handle;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_info("application: %s", line);
}
