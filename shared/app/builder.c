/* The builder of pollux.h: a JSON text, piece by piece.  What would not be JSON is not added, and
 * the text is then one that no call takes. */
#include <string.h>

#include "shared/app/internal.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

struct sio_builder {
	struct sio_handle h; /* first: pollux.h */
	struct buf *text;    /* in the arena */
	const char *fault;   /* not JSON: what is wrong; NULL: nothing */
	unsigned depth;
	bool objects[JSON_DEPTH_MAX]; /* the open ones; else they are arrays */
	bool any;                     /* the innermost one has a value */
	bool named;                   /* the next value has its name */
	bool has_json;                /* a whole text was added, which may be deep */
	bool is_built;
};

sio_builder *
builder_open(const void *handle)
{
	struct sio_app *app = module_of_handle(handle);
	struct sio_builder *b = arena_alloc(app, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->h = app->h;
	b->text = arena_buf(app);
	return b->text == NULL ? NULL : b;
}

/* --- the places of values ------------------------------------------------------------------- */

static bool
in_open_object(const struct sio_builder *b)
{
	return b->depth > 0 && b->objects[b->depth - 1];
}

/* Note the first mistake.  False. */
static bool
fail_builder(struct sio_builder *b, const char *fault)
{
	if (b->fault == NULL)
		b->fault = fault;
	return false;
}

/* Begin the next value; false: none can stand here. */
static bool
begin_value(struct sio_builder *b)
{
	if (b->fault != NULL)
		return false;
	if (b->is_built)
		return fail_builder(b, "(sio_build: it was built already)");
	if (b->depth == 0 && b->any)
		return fail_builder(b, "(sio_build: more than one value)");
	if (in_open_object(b) && !b->named)
		return fail_builder(
		    b, "(sio_build: a value in an object without sio_build_name())");
	if (b->any && !b->named)
		buf_add_char(b->text, ',');
	b->any = true;
	b->named = false;
	return true;
}

static void
open_container(struct sio_builder *b, bool is_object)
{
	if (b->depth == JSON_DEPTH_MAX)
		fail_builder(b, "(sio_build: nested too deeply)");
	if (!begin_value(b))
		return;
	buf_add_char(b->text, is_object ? '{' : '[');
	b->objects[b->depth++] = is_object;
	b->any = false;
}

void
builder_object(sio_builder *b)
{
	open_container(b, true);
}

void
builder_array(sio_builder *b)
{
	open_container(b, false);
}

void
builder_end(sio_builder *b)
{
	if (b->depth == 0 || b->named)
		fail_builder(b, b->depth == 0 ? "(sio_build: sio_build_end() without a beginning)"
					      : "(sio_build: a name without a value)");
	if (b->fault != NULL)
		return;
	buf_add_char(b->text, in_open_object(b) ? '}' : ']');
	b->depth--;
	b->any = true;
}

void
builder_name(sio_builder *b, const char *name, size_t n)
{
	struct slice text = {name, n};

	if (!in_open_object(b) || b->named)
		fail_builder(b, "(sio_build: a name where none can be)");
	if (name == NULL || !utf8_valid(text))
		fail_builder(b, "(sio_build: a name is not UTF-8, or NULL)");
	if (b->fault != NULL)
		return;
	if (b->any)
		buf_add_char(b->text, ',');
	json_write_string(b->text, text);
	buf_add_char(b->text, ':');
	b->named = true;
}

/* --- values --------------------------------------------------------------------------------- */

void
builder_text(sio_builder *b, const char *text, size_t n)
{
	struct slice value = {text, n};

	if (text == NULL) {
		builder_json(b, NULL);
		return;
	}
	if (!utf8_valid(value))
		fail_builder(b, "(sio_build: a text is not UTF-8)");
	if (begin_value(b))
		json_write_string(b->text, value);
}

void
builder_integer(sio_builder *b, int64_t value)
{
	if (begin_value(b))
		buf_printf(b->text, "%lld", (long long)value);
}

void
builder_number(sio_builder *b, double value)
{
	if (begin_value(b))
		text_write_double(b->text, value);
}

void
builder_bool(sio_builder *b, bool value)
{
	if (begin_value(b))
		buf_puts(b->text, value ? "true" : "false");
}

void
builder_json(sio_builder *b, const char *json)
{
	struct json_value value = {.text = SLICE("null")};

	if (json != NULL && json_parse(&value, slice_of(json)) == -1)
		fail_builder(b, "(sio_build: what sio_build_json() was given is not JSON)");
	if (!begin_value(b))
		return;
	buf_add_slice(b->text, value.text);
	b->has_json = true;
}

/* --- the text ------------------------------------------------------------------------------- */

/* Check that the text is whole, and end it. */
static void
end_text(struct sio_builder *b)
{
	struct json_value value;

	if (b->depth > 0 || !b->any)
		fail_builder(b, b->depth > 0 ? "(sio_build: sio_build_end() is missing)"
					     : "(sio_build: there is no value)");
	/* each text was JSON by itself, but perhaps as deep as JSON may be */
	if (b->fault == NULL && b->has_json && json_parse(&value, buf_slice(b->text)) == -1)
		fail_builder(b, "(sio_build: nested too deeply)");
	buf_add_char(b->text, '\0');
	if (b->text->failed)
		fail_builder(b, "(sio_build: no memory)");
	b->is_built = true;
}

const char *
builder_finish(sio_builder *b)
{
	if (!b->is_built)
		end_text(b);
	return b->fault == NULL ? b->text->p : b->fault;
}
