#include "shared/base/config_relay.h"

#include <string.h>

#include "shared/base/config_value.h"

#define EVENTS_DEFAULT 20
#define EVENTS_MOST    10000
#define BYTES_DEFAULT  65536
#define BYTES_MOST     ((int64_t)1 << 30)

/* --- text ----------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice
skip_blanks(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	return s;
}

static struct slice
trim_end(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Without a comment at its end, which is a semicolon behind a blank. */
static struct slice
strip_comment(struct slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == ';' && is_blank(s.p[i - 1]))
			s.n = i;
	return trim_end(s);
}

/* Cut "quoted" text from the front of `*s`. */
static bool
cut_quoted(struct slice *s, struct slice *text)
{
	struct slice rest = slice_skip(*s, 1);

	if (rest.n == 0 || memchr(rest.p, '"', rest.n) == NULL || !slice_cut(&rest, '"', text))
		return false;
	*s = skip_blanks(rest);
	return true;
}

static bool
copy_name(char to[CONFIG_RELAY_NAME], struct slice name)
{
	if (name.n >= CONFIG_RELAY_NAME)
		return false;
	if (name.n > 0)
		memcpy(to, name.p, name.n);
	to[name.n] = '\0';
	return true;
}

/* --- the section ---------------------------------------------------------------------------- */

bool
config_relay_is_section(const char *section)
{
	return strncmp(section, "relay", 5) == 0 && strchr(" \t\"", section[5]) != NULL;
}

const char *
config_relay_read_heading(struct config_relay *relay, struct slice line)
{
	static const char *const how = "write [relay \"/chat\"], or [relay \"\"] for the default "
				       "namespace";
	struct slice ns;

	line = skip_blanks(line);
	if (!slice_starts(line, SLICE("[relay")))
		return how;
	line = skip_blanks(slice_skip(line, 6));
	if (line.n == 0 || line.p[0] != '"' || !cut_quoted(&line, &ns) || line.n == 0 ||
	    line.p[0] != ']')
		return how;
	if (ns.n > 0 && (ns.p[0] != '/' || ns.n == 1 || memchr(ns.p, ':', ns.n) != NULL ||
			    memchr(ns.p, '?', ns.n) != NULL))
		return "the namespace is not like /chat";
	return copy_name(relay->ns, ns) ? NULL : "the namespace is longer than 63 bytes";
}

/* --- its lines ------------------------------------------------------------------------------ */

/* Events that clients raise by themselves: from another client they would lie. */
static bool
is_reserved(struct slice event)
{
	static const char *const names[] = {"connect", "connecting", "connect_failed", "disconnect",
	    "open", "close", "error", "retry", "reconnect", "reconnecting", "reconnect_failed"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(event, names[i]))
			return true;
	return false;
}

static const char *
read_event(struct config_relay *relay, struct slice *line)
{
	static const char *const how = "write EVENT = room, or EVENT = all";
	struct slice event;

	if (line->n > 0 && line->p[0] == '"') {
		if (!cut_quoted(line, &event) || line->n == 0 || line->p[0] != '=')
			return how;
		*line = slice_skip(*line, 1);
	} else {
		if (line->n == 0 || memchr(line->p, '=', line->n) == NULL ||
		    !slice_cut(line, '=', &event))
			return how;
		event = trim_end(event);
	}
	if (event.n == 0)
		return how;
	if (is_reserved(event))
		return "clients raise this event by themselves, it cannot be relayed";
	return copy_name(relay->event, event) ? NULL : "the event's name is longer than 63 bytes";
}

/* Cut a word from the front of `*line`, NUL-terminated.  An overlong one is no number when cut. */
static bool
cut_word(struct slice *line, char word[32])
{
	size_t n = 0;

	*line = skip_blanks(*line);
	for (; line->n > 0 && !is_blank(line->p[0]); *line = slice_skip(*line, 1))
		if (n < 31)
			word[n++] = line->p[0];
	word[n] = '\0';
	return n > 0;
}

static const char *
read_limits(struct config_relay *relay, struct slice line)
{
	char word[32];
	bool more = cut_word(&line, word);
	int64_t number;

	relay->events = EVENTS_DEFAULT;
	relay->bytes = BYTES_DEFAULT;
	relay->is_volatile = more && strcmp(word, "volatile") == 0;
	if (relay->is_volatile)
		more = cut_word(&line, word);
	if (more) {
		if (config_value_read_size(word, &number) == -1 || number < 1 ||
		    number > EVENTS_MOST)
			return "the events per second are not a number from 1 to 10000";
		relay->events = (size_t)number;
		more = cut_word(&line, word);
	}
	if (more) {
		if (config_value_read_size(word, &number) == -1 || number < 1 ||
		    number > BYTES_MOST)
			return "the bytes per second are not a number from 1 to 1G (k, M and G may "
			       "follow)";
		relay->bytes = (size_t)number;
		more = cut_word(&line, word);
	}
	return more ? "more than EVENT = room|all volatile EVENTS BYTES" : NULL;
}

const char *
config_relay_read_line(struct config_relay *relay, struct slice line)
{
	char word[32];
	const char *wrong;

	line = skip_blanks(strip_comment(line));
	wrong = read_event(relay, &line);
	if (wrong != NULL)
		return wrong;
	cut_word(&line, word);
	relay->to_all = strcmp(word, "all") == 0;
	if (!relay->to_all && strcmp(word, "room") != 0)
		return "neither room nor all";
	return read_limits(relay, line);
}

size_t
config_relay_find(const struct config *cfg, const struct config_relay *relay)
{
	size_t i = 0;

	while (i < cfg->relays_n && (strcmp(cfg->relays[i].ns, relay->ns) != 0 ||
					strcmp(cfg->relays[i].event, relay->event) != 0))
		i++;
	return i;
}
