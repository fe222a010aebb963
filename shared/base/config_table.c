#include "shared/base/config_table.h"

#include <stdint.h>
#include <string.h>

#include "shared/base/config.h"

/* The field of a setting that counts from the start of a program to its end, and of one that can be
 * changed meanwhile: config_reload.h. */
#define FIELD(name) offsetof(struct config, name), sizeof(((struct config *)NULL)->name), false
#define LIVE(name)  offsetof(struct config, name), sizeof(((struct config *)NULL)->name), true

/* The last columns of a row. */
#define RANGE(least, most) least, most, false
#define ANY                NULL, NULL, false
#define NOT_EMPTY          NULL, NULL, true

/* Clients keep both timeouts in 32-bit milliseconds: one second more makes a negative number that
 * ends their connections at once, and so does 0 (PROTOCOL 4.2). */
#define SHORTEST "0.01"
#define LONGEST  "2147483"

/* The largest number where only memory sets a limit. */
#if SIZE_MAX > UINT32_MAX
#define MOST "1024G"
#else
#define MOST "1G"
#endif

/* tests/manual.sh reads these lines: one row a line, values in double quotes. */
/* clang-format off */
const struct config_row config_table[] = {
	{"protocol", "heartbeat_interval", KIND_SECONDS, LIVE(heartbeat_interval_ms), "25", RANGE(SHORTEST, LONGEST)},
	{"protocol", "heartbeat_timeout", KIND_SECONDS, FIELD(heartbeat_timeout_ms), "60", RANGE(SHORTEST, LONGEST)},
	{"protocol", "close_timeout", KIND_SECONDS, FIELD(close_timeout_ms), "60", RANGE(SHORTEST, LONGEST)},
	{"protocol", "polling_duration", KIND_SECONDS, LIVE(polling_duration_ms), "20", RANGE(SHORTEST, LONGEST)},
	{"protocol", "htmlfile_duration", KIND_SECONDS, LIVE(htmlfile_duration_ms), "240", RANGE(SHORTEST, LONGEST)},
	{"protocol", "handshake_timeout", KIND_SECONDS, FIELD(handshake_timeout_ms), "60", RANGE(SHORTEST, LONGEST)},
	{"protocol", "transports", KIND_LIST, FIELD(transports), "websocket,flashsocket,htmlfile,xhr-polling,jsonp-polling", NOT_EMPTY},
	{"protocol", "resource", KIND_PREFIX, FIELD(resource), "socket.io", NOT_EMPTY},
	{"protocol", "origins", KIND_ORIGINS, LIVE(origins), "*:*", NOT_EMPTY},
	{"protocol", "match_origin_protocol", KIND_FLAG, LIVE(match_origin_protocol), "false", ANY},
	{"limits", "body_bytes", KIND_SIZE, LIVE(body_bytes), "1M", RANGE("1", "1G")},
	{"limits", "message_bytes", KIND_SIZE, LIVE(message_bytes), "1M", RANGE("1", "1G")},
	{"limits", "header_bytes", KIND_SIZE, LIVE(header_bytes), "16k", RANGE("256", "1M")},
	{"limits", "handshake_bytes", KIND_SIZE, LIVE(handshake_bytes), "4k", RANGE("1k", "64k")},
	{"limits", "packets_per_payload", KIND_SIZE, LIVE(packets_per_payload), "1000", RANGE("1", MOST)},
	{"limits", "bad_packets", KIND_SIZE, LIVE(bad_packets), "100", RANGE("1", MOST)},
	{"limits", "queue_packets", KIND_SIZE, LIVE(queue_packets), "10000", RANGE("1", MOST)},
	{"limits", "queue_bytes", KIND_SIZE, LIVE(queue_bytes), "16M", RANGE("1", MOST)},
	{"limits", "early_packets", KIND_SIZE, LIVE(early_packets), "16", RANGE("0", "1000")},
	{"limits", "early_bytes", KIND_SIZE, LIVE(early_bytes), "64k", RANGE("0", "16M")},
	{"limits", "early_timeout", KIND_SECONDS, LIVE(early_timeout_ms), "5", RANGE(SHORTEST, "3600")},
	{"limits", "sessions", KIND_SIZE, LIVE(sessions), "100000", RANGE("1", MOST)},
	{"limits", "sessions_per_address", KIND_SIZE, LIVE(sessions_per_address), "0", RANGE("0", MOST)},
	{"limits", "address_share_from", KIND_SIZE, LIVE(address_share_from), "50", RANGE("0", "100")},
	{"limits", "address_share", KIND_SIZE, LIVE(address_share), "10", RANGE("0", "100")},
	{"limits", "rooms_per_session", KIND_SIZE, LIVE(rooms_per_session), "1000", RANGE("1", "1G")},
	{"limits", "data_per_session", KIND_SIZE, LIVE(data_per_session), "1M", RANGE("1k", "1G")},
	{"limits", "acks_per_session", KIND_SIZE, LIVE(acks_per_session), "1000", RANGE("1", "1G")},
	{"limits", "mailbox_messages", KIND_SIZE, LIVE(mailbox_messages), "100", RANGE("0", "100000")},
	{"limits", "mailbox_bytes", KIND_SIZE, LIVE(mailbox_bytes), "64k", RANGE("1k", "64M")},
	{"limits", "mailbox_total_bytes", KIND_SIZE, LIVE(mailbox_total_bytes), "64M", RANGE("1k", MOST)},
	{"limits", "mailbox_seconds", KIND_SECONDS, LIVE(mailbox_ms), "604800", RANGE("1", "31536000")},
	{"limits", "history_messages", KIND_SIZE, LIVE(history_messages), "100", RANGE("0", "10000")},
	{"limits", "history_bytes", KIND_SIZE, LIVE(history_bytes), "256k", RANGE("0", "16M")},
	{"limits", "history_total_bytes", KIND_SIZE, LIVE(history_total_bytes), "64M", RANGE("0", MOST)},
	{"limits", "history_rooms", KIND_SIZE, LIVE(history_rooms), "10000", RANGE("0", "50000")},
	{"limits", "timers_per_session", KIND_SIZE, LIVE(timers_per_session), "100", RANGE("1", "1G")},
	{"limits", "connections", KIND_SIZE, LIVE(connections), "0", RANGE("0", MOST)},
	{"limits", "request_timeout", KIND_SECONDS, LIVE(request_timeout_ms), "10", RANGE(SHORTEST, "3600")},
	{"limits", "send_timeout", KIND_SECONDS, LIVE(send_timeout_ms), "30", RANGE(SHORTEST, "3600")},
	{"room", "history", KIND_ROOMS, LIVE(room_history), "", ANY},
	{"room", "history_time", KIND_SECONDS, LIVE(room_history_time_ms), "86400", RANGE("1", "31536000")},
	{"server", "trusted_proxies", KIND_PROXIES, LIVE(trusted_proxies), "127.0.0.0/8,::1,unix", ANY},
	{"store", "data", KIND_PATH, FIELD(data), "/var/lib/pollux", NOT_EMPTY},
	{"store", "group", KIND_TEXT, FIELD(store_group), "", ANY},
	{"store", "log_bytes", KIND_SIZE, LIVE(log_bytes), "256M", RANGE("64k", MOST)},
	{"app", "module", KIND_PATH, FIELD(module), "", ANY},
	{"app", "authorize_timeout", KIND_SECONDS, LIVE(authorize_timeout_ms), "3", RANGE(SHORTEST, "3600")},
	{"hook", "url", KIND_TEXT, LIVE(hook_url), "", ANY},
	{"hook", "secret", KIND_LIST, LIVE(hook_secret), "", ANY},
	{"hook", "namespaces", KIND_LIST, FIELD(hook_namespaces), "", ANY},
	{"hook", "events", KIND_LIST, LIVE(hook_events), "", ANY},
	{"hook", "headers", KIND_LIST, LIVE(hook_headers), "cookie,origin,user-agent,referer,x-forwarded-for", ANY},
	{"hook", "authorize", KIND_FLAG, LIVE(hook_authorize), "false", ANY},
	{"hook", "authorize_namespaces", KIND_FLAG, LIVE(hook_authorize_namespaces), "false", ANY},
	{"hook", "authorize_on_error", KIND_ACCEPT, LIVE(hook_authorize_on_error), "refuse", ANY},
	{"hook", "tick", KIND_SECONDS, LIVE(hook_tick_ms), "0", RANGE("0", "86400")},
	{"hook", "queue_events", KIND_SIZE, LIVE(hook_queue_events), "100000", RANGE("1", "10000000")},
	{"hook", "queue_bytes", KIND_SIZE, LIVE(hook_queue_bytes), "64M", RANGE("64k", MOST)},
	{"hook", "session_events", KIND_SIZE, LIVE(hook_session_events), "1000", RANGE("1", "10000000")},
	{"hook", "session_bytes", KIND_SIZE, LIVE(hook_session_bytes), "1M", RANGE("8k", MOST)},
	{"hook", "max_in_flight", KIND_SIZE, LIVE(hook_max_in_flight), "4", RANGE("1", "1000")},
	{"hook", "connect_timeout", KIND_SECONDS, LIVE(hook_connect_timeout_ms), "1", RANGE(SHORTEST, "3600")},
	{"hook", "timeout", KIND_SECONDS, LIVE(hook_timeout_ms), "5", RANGE(SHORTEST, "3600")},
	{"hook", "authorize_timeout", KIND_SECONDS, LIVE(hook_authorize_timeout_ms), "3", RANGE(SHORTEST, "3600")},
	{"hook", "retry_for", KIND_SECONDS, LIVE(hook_retry_for_ms), "3600", RANGE("0", "86400")},
	{"hook", "event_attempts", KIND_SIZE, LIVE(hook_event_attempts), "3", RANGE("1", "1000")},
	{"auth", "jwt_secret", KIND_LIST, LIVE(jwt_secret), "", ANY},
	{"auth", "jwt_public_key", KIND_PATH, LIVE(jwt_public_key), "", ANY},
	{"auth", "jwt_query", KIND_TEXT, LIVE(jwt_query), "token", ANY},
	{"auth", "jwt_cookie", KIND_TEXT, LIVE(jwt_cookie), "", ANY},
	{"auth", "jwt_rooms", KIND_TEXT, LIVE(jwt_rooms), "rooms", ANY},
	{"auth", "jwt_issuer", KIND_TEXT, LIVE(jwt_issuer), "", ANY},
	{"auth", "jwt_audience", KIND_TEXT, LIVE(jwt_audience), "", ANY},
	{"auth", "jwt_leeway", KIND_SECONDS, LIVE(jwt_leeway_ms), "0", RANGE("0", "3600")},
	{"auth", "jwt_required", KIND_SWITCH, LIVE(jwt_required), "auto", ANY},
	{"client", "folder", KIND_PATH, LIVE(client_folder), "", ANY},
	{"fcgi", "listen", KIND_LISTEN, FIELD(fcgi_listen), "", ANY},
	{"fcgi", "streaming", KIND_SWITCH, FIELD(fcgi_streaming), "auto", ANY},
	{"fcgi", "max_held_polls", KIND_LIMIT, LIVE(fcgi_max_held_polls), "auto", RANGE("1", "1000")},
	{"fcgi", "readers", KIND_SIZE, FIELD(fcgi_readers), "32", RANGE("1", "1000")},
	{"wsd", "listen", KIND_LISTEN, FIELD(wsd_listen), "127.0.0.1:8081", NOT_EMPTY},
	{"wsd", "tls_listen", KIND_LISTEN, FIELD(wsd_tls_listen), "", ANY},
	{"wsd", "certificate", KIND_PATH, LIVE(wsd_certificate), "", ANY},
	{"wsd", "key", KIND_PATH, LIVE(wsd_key), "", ANY},
	{"wsd", "tls_min", KIND_TLS, LIVE(wsd_tls_min), "1.2", ANY},
	{"wsd", "workers", KIND_COUNT, FIELD(wsd_workers), "1", RANGE("1", "256")},
	{"wsd", "max_held_requests", KIND_LIMIT, LIVE(wsd_max_held_requests), "none", RANGE("1", "1000")},
	{"wsd", "queue_memory", KIND_SIZE, LIVE(wsd_queue_memory), "256M", RANGE("1M", MOST)},
	{"wsd", "handover_timeout", KIND_SECONDS, LIVE(wsd_handover_timeout_ms), "60", RANGE("1", "86400")},
	{"wsd", "reachable", KIND_SWITCH, LIVE(wsd_reachable), "auto", ANY},
	{"policyd", "listen", KIND_LISTEN, FIELD(policyd_listen), "*:843 *:10843", NOT_EMPTY},
	{"policyd", "user", KIND_TEXT, FIELD(policyd_user), "", ANY},
	{"policyd", "chroot", KIND_PATH, FIELD(policyd_chroot), "", ANY},
	{"policyd", "file", KIND_PATH, LIVE(policyd_file), "", ANY},
	{"policyd", "connections", KIND_SIZE, LIVE(policyd_connections), "1000", RANGE("1", "64k")},
	{"policyd", "connections_per_address", KIND_SIZE, LIVE(policyd_connections_per_address), "100", RANGE("0", MOST)},
	{"publish", "enabled", KIND_FLAG, LIVE(publish_enabled), "false", ANY},
	{"publish", "keys", KIND_TEXT, LIVE(publish_keys), "", ANY},
	{"publish", "rate", KIND_SIZE, LIVE(publish_rate), "100", RANGE("1", "1M")},
	{"cluster", "redis", KIND_REDIS, FIELD(cluster_redis), "", ANY},
	{"cluster", "password_file", KIND_PATH, FIELD(cluster_password_file), "", ANY},
	{"cluster", "node", KIND_NODE, FIELD(cluster_node), "", ANY},
	{"cluster", "number", KIND_NUMBER, FIELD(cluster_number), "", ANY},
	{"cluster", "prefix", KIND_KEY, FIELD(cluster_prefix), "pollux", NOT_EMPTY},
	{"cluster", "node_timeout", KIND_SECONDS, FIELD(cluster_node_timeout_ms), "10", RANGE("1", "3600")},
	{"cluster", "queue_bytes", KIND_SIZE, LIVE(cluster_queue_bytes), "64M", RANGE("1M", MOST)},
	{"cluster", "stream_length", KIND_SIZE, LIVE(cluster_stream_length), "100000", RANGE("1000", "10M")},
	{"log", "level", KIND_LEVEL, LIVE(log_level), "info", ANY},
	{"log", "file", KIND_PATH, LIVE(log_file), "", ANY},
};
/* clang-format on */
const size_t config_table_n = sizeof(config_table) / sizeof(config_table[0]);

const struct config_row *
config_table_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];

		if (strcmp(row->section, section) == 0 && strcmp(row->key, key) == 0)
			return row;
	}
	return NULL;
}

/* Whether the key is `name` in another spelling. */
static bool
is_spelling_of(const char *name, const char *key)
{
	for (; *name != '\0' && *key != '\0'; name++, key++) {
		char c = *key;

		if (c == ' ' || c == '-')
			c = '_';
		else if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != *name)
			return false;
	}
	return *name == *key;
}

const struct config_row *
config_table_guess(const char *section, const char *key)
{
	const struct config_row *meant = NULL;
	unsigned sections = 0;

	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];

		if (!is_spelling_of(row->key, key))
			continue;
		if (is_spelling_of(row->section, section))
			return row;
		meant = row;
		sections++;
	}
	return sections == 1 ? meant : NULL;
}

/* Is the field a text, of which what follows its end does not count? */
static bool
is_text(enum config_kind kind)
{
	switch (kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_ORIGINS:
	case KIND_LISTEN:
	case KIND_ROOMS:
	case KIND_PROXIES:
	case KIND_PATH:
	case KIND_PREFIX:
	case KIND_REDIS:
	case KIND_NODE:
	case KIND_KEY:
		return true;
	case KIND_SECONDS:
	case KIND_SIZE:
	case KIND_COUNT:
	case KIND_LIMIT:
	case KIND_LEVEL:
	case KIND_SWITCH:
	case KIND_FLAG:
	case KIND_NUMBER:
	case KIND_ACCEPT:
	case KIND_TLS:
		return false;
	}
	return false;
}

bool
config_table_same(const struct config_row *row, const struct config *a, const struct config *b)
{
	const char *of_a = (const char *)a + row->offset, *of_b = (const char *)b + row->offset;

	return is_text(row->kind) ? strcmp(of_a, of_b) == 0 : memcmp(of_a, of_b, row->room) == 0;
}

bool
config_table_has_section(const char *section)
{
	for (size_t i = 0; i < config_table_n; i++)
		if (strcmp(config_table[i].section, section) == 0)
			return true;
	return false;
}

/* --- variables of the environment ------------------------------------------------------------- */

/* Cut `word` in capitals from the front of `*name`.  By hand: toupper() is the locale's. */
static bool
cut_capitals(struct slice *name, const char *word)
{
	size_t n = strlen(word);

	if (name->n < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name->p[i] !=
		    (word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]))
			return false;
	*name = slice_skip(*name, n);
	return true;
}

/* Cut POLLUX_SECTION_ from the front of `*name`. */
static bool
cut_section(struct slice *name, const char *section)
{
	return cut_capitals(name, "pollux_") && cut_capitals(name, section) &&
	       cut_capitals(name, "_");
}

const struct config_row *
config_table_find_variable(struct slice name)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];
		struct slice rest = name;

		/* To the end: POLLUX_HOOK_AUTHORIZE begins POLLUX_HOOK_AUTHORIZE_TIMEOUT. */
		if (cut_section(&rest, row->section) && cut_capitals(&rest, row->key) &&
		    rest.n == 0)
			return row;
	}
	return NULL;
}

bool
config_table_has_section_of(struct slice name)
{
	for (size_t i = 0; i < config_table_n; i++) {
		struct slice rest = name;

		if (cut_section(&rest, config_table[i].section))
			return true;
	}
	return false;
}
