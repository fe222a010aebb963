/* The body of a jsonp POST: a form whose field `d` carries the payload.
 *
 * An encoded value is found and decoded to what it was; a payload arrives intact both from clients
 * that send it as a JSON string and from those that send it raw.  Any other body gives nothing, or
 * valid text. */
#include "shared/wire/form.h"

#include "shared/transport/transport.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

/* Encode as a browser does. */
static void
encode(struct buf *out, struct slice text, bool capitals)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')
			buf_add_char(out, (char)c);
		else if (c == ' ')
			buf_add_char(out, '+');
		else
			buf_printf(out, capitals ? "%%%02X" : "%%%02x", c);
	}
}

static void
try_fields(struct slice in)
{
	struct buf form = {.p = NULL}, decoded = {.p = NULL};
	struct slice value;

	if (form_field(in, "d", &value)) {
		MUST(lies_in(value, in));
		MUST(value.n == 0 || memchr(value.p, '&', value.n) == NULL);
		form_decode(&decoded, value);
		MUST(!decoded.failed && decoded.n <= value.n);
		buf_clear(&decoded);
	}
	buf_puts(&form, "a=1&d=");
	encode(&form, in, in.n % 2 == 0);
	buf_puts(&form, "&d=2");
	MUST(!form.failed && form_field(buf_slice(&form), "d", &value));
	form_decode(&decoded, value);
	MUST(!decoded.failed && slice_equal(buf_slice(&decoded), in));
	buf_free(&form);
	buf_free(&decoded);
}

/* The payload of a body, as the transport reads it. */
static struct slice
unwrap(struct buf *body, struct buf *scratch)
{
	char *copy = copy_of(buf_slice(body));
	struct slice payload =
	    transport_jsonp_polling.unwrap((struct slice){copy, body->n}, scratch);

	MUST(!body->failed && !scratch->failed);
	MUST(lies_in(payload, buf_slice(scratch)) && utf8_valid(payload));
	free(copy);
	return payload;
}

/* Clients from 0.8.6 on: a JSON string. */
static void
try_json(struct slice text)
{
	struct buf literal = {.p = NULL}, body = {.p = NULL}, scratch = {.p = NULL};

	json_write_string(&literal, text);
	buf_puts(&body, "d=");
	encode(&body, buf_slice(&literal), true);
	MUST(!literal.failed && slice_equal(unwrap(&body, &scratch), text));
	buf_free(&literal);
	buf_free(&body);
	buf_free(&scratch);
}

/* Clients before 0.8.6: raw, and the browser turns every line break into CRLF. */
static void
try_bare(struct slice text)
{
	struct buf sent = {.p = NULL}, submitted = {.p = NULL}, body = {.p = NULL},
		   scratch = {.p = NULL};

	buf_puts(&sent, "3:::");
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r')
			buf_add_char(&sent, text.p[i]);
	for (size_t i = 0; i < sent.n; i++) {
		if (sent.p[i] == '\n')
			buf_add_char(&submitted, '\r');
		buf_add_char(&submitted, sent.p[i]);
	}
	buf_puts(&body, "d=");
	encode(&body, buf_slice(&submitted), false);
	MUST(!sent.failed && !submitted.failed);
	MUST(slice_equal(unwrap(&body, &scratch), buf_slice(&sent)));
	buf_free(&sent);
	buf_free(&submitted);
	buf_free(&body);
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct buf body = {.p = NULL}, scratch = {.p = NULL}, clean = {.p = NULL};

	try_fields(in);
	buf_add_slice(&body, in);
	(void)unwrap(&body, &scratch);
	utf8_sanitize(&clean, in);
	MUST(!clean.failed);
	try_json(buf_slice(&clean));
	try_bare(buf_slice(&clean));
	buf_free(&body);
	buf_free(&scratch);
	buf_free(&clean);
	return 0;
}
