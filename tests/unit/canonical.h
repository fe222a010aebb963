/* canonical: one text for each JSON value of jansson, as JSON.stringify() writes it, to compare by.
 * For test_vectors.c.
 *
 * Three lines of the vectors have a lone surrogate, as \uXXXX, which jansson refuses because it has
 * no UTF-8.  So each lone surrogate is given to jansson as its six characters (\ud83d as \\ud83d),
 * both in the lines of the file and in the JSON that our readers pass through: the comparison then
 * tests "keep the escape text" (PROTOCOL 5.5). */
#ifndef POLLUX_TESTS_CANONICAL_H
#define POLLUX_TESTS_CANONICAL_H

#include <jansson.h>

#include "shared/wire/json.h"
#include "tests/unit/exact.h"

static inline struct slice
text_of(const json_t *string)
{
	return (struct slice){json_string_value(string), json_string_length(string)};
}

/* As JavaScript writes a number: -1500, 0.1, 1e+21, 1e-7. */
static inline void
add_number(struct buf *out, double number)
{
	char text[40];
	char *exponent;

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	if (number > -1e15 && number < 1e15 && number == (double)(int64_t)number)
		snprintf(text, sizeof(text), "%.0f", number);
	exponent = strstr(text, "e-0");
	if (exponent != NULL)
		memmove(exponent + 2, exponent + 3, strlen(exponent + 3) + 1);
	buf_puts(out, text);
}

static inline void add_value(struct buf *out, json_t *value);

static inline void
add_object(struct buf *out, json_t *object)
{
	const char *key, *separator = "";
	json_t *value;

	buf_add_char(out, '{');
	json_object_foreach(object, key, value)
	{
		buf_puts(out, separator);
		json_write_string(out, slice_of(key));
		buf_add_char(out, ':');
		add_value(out, value);
		separator = ",";
	}
	buf_add_char(out, '}');
}

static inline void
add_array(struct buf *out, json_t *array)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			buf_add_char(out, ',');
		add_value(out, json_array_get(array, i));
	}
	buf_add_char(out, ']');
}

/* As JSON.stringify() writes it: compact, non-ASCII raw. */
static inline void
add_value(struct buf *out, json_t *value)
{
	if (json_is_object(value))
		add_object(out, value);
	else if (json_is_array(value))
		add_array(out, value);
	else if (json_is_string(value))
		json_write_string(out, text_of(value));
	else if (json_is_number(value))
		add_number(out, json_number_value(value));
	else
		buf_puts(out, json_is_true(value)    ? "true"
			      : json_is_false(value) ? "false"
						     : "null");
}

static inline bool
is_surrogate_escape(const char *s, char from, char to)
{
	return s[0] == '\\' && s[1] == 'u' && s[2] == 'd' && s[3] >= from && s[3] <= to;
}

/* Read JSON text that may contain lone surrogates, as told above.  `*lone` counts them. */
static inline json_t *
load(struct slice text, size_t *lone)
{
	struct buf spelled;
	json_t *value;

	buf_init(&spelled, 0);
	buf_add_slice(&spelled, text);
	buf_add(&spelled, "\0\0\0\0", 4); /* padding to look ahead into */
	for (size_t i = 0; spelled.p[i] != '\0'; i++) {
		char *s = spelled.p + i;

		if (is_surrogate_escape(s, '8', 'b') && is_surrogate_escape(s + 6, 'c', 'f')) {
			i += 11;
		} else if (is_surrogate_escape(s, '8', 'f')) {
			buf_add_char(&spelled, '\0');
			s = spelled.p + i;
			memmove(s + 1, s, spelled.n - i - 1);
			i += 6;
			++*lone;
		} else if (s[0] == '\\') {
			i++;
		}
	}
	value = json_loadb(spelled.p, strlen(spelled.p), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (value == NULL)
		fail_msg("jansson refuses %s", spelled.p);
	buf_free(&spelled);
	return value;
}

#endif
