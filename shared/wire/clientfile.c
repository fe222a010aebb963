#include "shared/wire/clientfile.h"

#include <strings.h>

#define SCRIPT_TYPE "application/javascript"
#define FLASH_TYPE  "application/x-shockwave-flash"

static const char *const flash_files[] = {"WebSocketMain.swf", "WebSocketMainInsecure.swf"};

/* Take `word` from the front. */
static bool
take(struct slice *rest, struct slice word)
{
	if (!slice_starts(*rest, word))
		return false;
	*rest = slice_skip(*rest, word.n);
	return true;
}

static bool
take_digits(struct slice *rest)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
		n++;
	*rest = slice_skip(*rest, n);
	return n > 0;
}

/* "+websocket+xhr-polling" */
static bool
take_bundle(struct slice *rest)
{
	size_t n;

	while (take(rest, SLICE("+"))) {
		for (n = 0; n < rest->n; n++)
			if (rest->p[n] != '-' && (rest->p[n] < 'a' || rest->p[n] > 'z'))
				break;
		if (n == 0)
			return false;
		*rest = slice_skip(*rest, n);
	}
	return true;
}

/* ".v0.9.17" */
static bool
take_version(struct slice *rest)
{
	return take_digits(rest) && take(rest, SLICE(".")) && take_digits(rest) &&
	       take(rest, SLICE(".")) && take_digits(rest);
}

static bool
find_script(struct clientfile *file, struct slice path)
{
	bool versioned = false, min;

	if (!take(&path, SLICE("socket.io")) || !take_bundle(&path))
		return false;
	if (take(&path, SLICE(".v"))) {
		versioned = true;
		if (!take_version(&path))
			return false;
	}
	min = take(&path, SLICE(".min"));
	if (!slice_is(path, ".js"))
		return false;
	*file = (struct clientfile){
	    .name = min ? "socket.io.min.js" : "socket.io.js",
	    .type = SCRIPT_TYPE,
	    .for_ever = versioned,
	    .script = true,
	};
	return true;
}

bool
clientfile_find(struct clientfile *file, struct slice path)
{
	if (!take(&path, SLICE("static/flashsocket/")))
		return find_script(file, path);
	for (size_t i = 0; i < sizeof(flash_files) / sizeof(flash_files[0]); i++) {
		if (!slice_is(path, flash_files[i]))
			continue;
		*file = (struct clientfile){.name = flash_files[i], .type = FLASH_TYPE};
		return true;
	}
	return false;
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool
is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* "q=0", "q=0.000": this one rather not. */
static bool
is_refusal(struct slice parameter)
{
	parameter = trim(parameter);
	if (parameter.n < 3 || strncasecmp(parameter.p, "q=0", 3) != 0)
		return false;
	for (size_t i = 3; i < parameter.n; i++)
		if (parameter.p[i] != '.' && parameter.p[i] != '0')
			return false;
	return true;
}

bool
clientfile_accepts_gzip(struct slice accept_encoding)
{
	struct slice element, name, parameter;
	bool any = false, refused;

	while (slice_cut(&accept_encoding, ',', &element)) {
		slice_cut(&element, ';', &name);
		name = trim(name);
		refused = slice_cut(&element, ';', &parameter) && is_refusal(parameter);
		if (is_word(name, "gzip") || is_word(name, "x-gzip"))
			return !refused;
		if (is_word(name, "*"))
			any = !refused;
	}
	return any;
}

bool
clientfile_has_tag(struct slice if_none_match, struct slice tag)
{
	struct slice element;

	while (slice_cut(&if_none_match, ',', &element)) {
		element = trim(element);
		if (is_word(element, "*"))
			return true;
		take(&element, SLICE("W/"));
		if (slice_equal(element, tag))
			return true;
	}
	return false;
}
