#include "shared/wire/clientfile.h"

#include <strings.h>

#include "shared/wire/digit.h"

#define SCRIPT_TYPE "application/javascript"
#define FLASH_TYPE  "application/x-shockwave-flash"

static const char *const flash_files[] = {"WebSocketMain.swf", "WebSocketMainInsecure.swf"};

/* --- names ---------------------------------------------------------------------------------- */

/* Take `part` from the front. */
static bool
take_name_part(struct slice *rest, struct slice part)
{
	if (!slice_starts(*rest, part))
		return false;
	*rest = slice_skip(*rest, part.n);
	return true;
}

static bool
take_version_number(struct slice *rest)
{
	size_t n = digit_run(*rest);

	*rest = slice_skip(*rest, n);
	return n > 0;
}

/* "+websocket+xhr-polling": any names, since unknown transports are skipped (PROTOCOL 18). */
static bool
take_bundle(struct slice *rest)
{
	size_t n;

	while (take_name_part(rest, SLICE("+"))) {
		for (n = 0; n < rest->n; n++)
			if (rest->p[n] != '-' && (rest->p[n] < 'a' || rest->p[n] > 'z'))
				break;
		if (n == 0)
			return false;
		*rest = slice_skip(*rest, n);
	}
	return true;
}

/* "0.9.17" */
static bool
take_version(struct slice *rest)
{
	return take_version_number(rest) && take_name_part(rest, SLICE(".")) &&
	       take_version_number(rest) && take_name_part(rest, SLICE(".")) &&
	       take_version_number(rest);
}

static bool
find_script_file(struct clientfile *file, struct slice path)
{
	bool versioned = false, min;

	if (!take_name_part(&path, SLICE("socket.io")) || !take_bundle(&path))
		return false;
	if (take_name_part(&path, SLICE(".v"))) {
		versioned = true;
		if (!take_version(&path))
			return false;
	}
	min = take_name_part(&path, SLICE(".min"));
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
	if (!take_name_part(&path, SLICE("static/flashsocket/")))
		return find_script_file(file, path);
	for (size_t i = 0; i < sizeof(flash_files) / sizeof(flash_files[0]); i++) {
		if (!slice_is(path, flash_files[i]))
			continue;
		*file = (struct clientfile){.name = flash_files[i], .type = FLASH_TYPE};
		return true;
	}
	return false;
}

/* --- request headers ------------------------------------------------------------------------ */

static bool
is_token(struct slice s, const char *token)
{
	return s.n == strlen(token) && strncasecmp(s.p, token, s.n) == 0;
}

/* "q=0", "q=0.000": the client refuses this coding. */
static bool
is_zero_weight(struct slice parameter)
{
	parameter = slice_trim(parameter);
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
		name = slice_trim(name);
		refused = slice_cut(&element, ';', &parameter) && is_zero_weight(parameter);
		/* a coding named outright outranks "*", wherever each is in the list */
		if (is_token(name, "gzip") || is_token(name, "x-gzip"))
			return !refused;
		if (is_token(name, "*"))
			any = !refused;
	}
	return any;
}

bool
clientfile_has_tag(struct slice if_none_match, struct slice tag)
{
	struct slice element;

	while (slice_cut(&if_none_match, ',', &element)) {
		element = slice_trim(element);
		if (is_token(element, "*"))
			return true;
		take_name_part(&element, SLICE("W/"));
		if (slice_equal(element, tag))
			return true;
	}
	return false;
}
