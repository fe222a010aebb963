/* config: the values that each key takes, where mistakes are reported, which source wins. */
#include "shared/base/buf.h"
#include "shared/base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/config_reload.h"
#include "shared/base/config_table.h"

static char folder[] = "/tmp/pollux-test-XXXXXX";
static char path[64];
static char error[4096];

/* Write `text` to file number `i`.  Return its path, which the next call overwrites. */
static const char *
file(int i, const char *text)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d.conf", folder, i);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static int
read_text(struct config *cfg, const char *text)
{
	config_default(cfg);
	error[0] = '\0';
	return config_read(cfg, file(1, text), error, sizeof(error));
}

static void
defaults_are_those_of_0_9_and_pass_the_check(void **state)
{
	struct config cfg;

	(void)state;
	config_default(&cfg);
	assert_int_equal(config_check(&cfg, error, sizeof(error)), 0);
	assert_int_equal(cfg.heartbeat_interval_ms, 25000);
	assert_int_equal(cfg.heartbeat_timeout_ms, 60000);
	assert_int_equal(cfg.close_timeout_ms, 60000);
	assert_int_equal(cfg.polling_duration_ms, 20000);
	assert_int_equal(cfg.htmlfile_duration_ms, 240000);
	assert_int_equal(cfg.fcgi_streaming, CONFIG_AUTO);
	assert_string_equal(
	    cfg.transports, "websocket,flashsocket,htmlfile,xhr-polling,jsonp-polling");
	assert_int_equal(cfg.body_bytes, 1 << 20);
	assert_string_equal(cfg.resource, "socket.io");
	assert_string_equal(cfg.origins, "*:*");
}

static void
every_kind_of_value_is_read(void **state)
{
	struct config cfg;

	(void)state;
	assert_int_equal(read_text(&cfg, "# a comment\n"
					 "[protocol]\n"
					 "heartbeat_interval = 0.5\n"
					 "heartbeat_timeout=2147483 ; the most\n"
					 "close_timeout: 7.0625\r\n"
					 "transports = xhr-polling, websocket\n"
					 "resource = /app/socket.io/\n"
					 "origins = a.example:80\n"
					 "\n"
					 "  *:443, b.example\n"
					 "match_origin_protocol = true\n"
					 "[limits]\n"
					 "body_bytes = 64k\n"
					 "queue_bytes = 2G\n"
					 "sessions_per_address = 0\n"
					 "[server]\n"
					 "trusted_proxies = 10.0.0.0/8 ::1\n"
					 "\tunix, 192.0.2.1\n"
					 "[store]\n"
					 "data = some/data\n"
					 "[app]\n"
					 "module =\n"
					 "[client]\n"
					 "folder = /usr/share/pollux\n"
					 "[fcgi]\n"
					 "listen = unix:/run/pollux/fcgi.sock\n"
					 "streaming = no\n"
					 "[wsd]\n"
					 "listen = 127.0.0.1:8081\n"
					 "\t[::1]:8081\n"
					 "reachable = no\n"
					 "workers = auto\n"
					 "certificate = tls/site.pem\n"
					 "tls_min = 1.0\n"
					 "[policyd]\n"
					 "listen = *:843\n"
					 "chroot = empty\n"
					 "connections_per_address = 0\n"
					 "[log]\n"
					 "level = trace\n"
					 "file = /var/log/pollux.log\n"),
	    0);
	assert_int_equal(cfg.heartbeat_interval_ms, 500);
	assert_int_equal(cfg.heartbeat_timeout_ms, 2147483000);
	assert_int_equal(cfg.close_timeout_ms, 7062);
	assert_string_equal(cfg.transports, "xhr-polling,websocket");
	assert_string_equal(cfg.resource, "app/socket.io");
	assert_string_equal(cfg.origins, "a.example:80,*:443,b.example");
	assert_true(cfg.match_origin_protocol);
	assert_int_equal(cfg.body_bytes, 64 << 10);
	assert_true(cfg.queue_bytes == (size_t)2 << 30);
	assert_int_equal(cfg.sessions_per_address, 0);
	assert_string_equal(cfg.trusted_proxies, "10.0.0.0/8,::1,unix,192.0.2.1");
	assert_memory_equal(cfg.data, folder, sizeof(folder) - 1);
	assert_string_equal(cfg.data + sizeof(folder) - 1, "/some/data");
	assert_string_equal(cfg.module, "");
	assert_string_equal(cfg.client_folder, "/usr/share/pollux");
	assert_int_equal(cfg.wsd_reachable, CONFIG_NO);
	assert_int_equal(cfg.wsd_workers, 0);
	assert_string_equal(cfg.wsd_certificate + sizeof(folder) - 1, "/tls/site.pem");
	assert_int_equal(cfg.wsd_tls_min, CONFIG_TLS_1_0);
	assert_string_equal(cfg.fcgi_listen, "unix:/run/pollux/fcgi.sock");
	assert_int_equal(cfg.fcgi_streaming, CONFIG_NO);
	assert_string_equal(cfg.wsd_listen, "127.0.0.1:8081 [::1]:8081");
	assert_string_equal(cfg.policyd_listen, "*:843");
	assert_string_equal(cfg.policyd_chroot + sizeof(folder) - 1, "/empty");
	assert_int_equal(cfg.policyd_connections_per_address, 0);
	assert_int_equal(cfg.log_level, LOG_LEVEL_TRACE);
	assert_string_equal(cfg.log_file, "/var/log/pollux.log");
}

static void
a_mistake_is_reported_with_file_and_line(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *says;
	} table[] = {
	    {"[protocol]\nheartbeat = 1\n", 2, "unknown key \"heartbeat\" in [protocol]"},
	    {"[polling]\n\nduration = 1\n", 3, "unknown section [polling]"},
	    {"duration = 1\n", 1, "before the first [section]"},
	    /* as socket.io 0.9 spells it, and in another section */
	    {"[protocol]\nheartbeat interval = 25\n", 2,
		"unknown key \"heartbeat interval\" in [protocol]: write heartbeat_interval"},
	    {"[protocol]\nCloseTimeout = 1\nclose-timeout = 1\n", 2, "unknown key"},
	    {"[protocol]\nclose-timeout = 1\n", 2, ": write close_timeout"},
	    {"heartbeat interval = 25\n", 1, ": write heartbeat_interval in [protocol]"},
	    {"[Log]\nLevel = info\n", 2, "unknown section [Log]: write level in [log]"},
	    {"[store]\nlevel = info\n", 2, "in [store]: write level in [log]"},
	    {"[store]\nlisten = *:1\n", 2, "unknown key \"listen\" in [store]"},
	    /* given twice */
	    {"[log]\nlevel = info\nlevel = warn\n", 3, "level: given twice, first in line 2"},
	    {"[log]\nlevel = info\n[app]\nmodule=\n[log]\nlevel = info\n", 6,
		"level: given twice, first in line 2"},
	    /* addresses */
	    {"[wsd]\nlisten = 8081\n", 2, "listen: \"8081\" is neither host:port nor unix:/path"},
	    {"[wsd]\nlisten = localhost:\n", 2, "\"localhost:\" is neither"},
	    {"[wsd]\nlisten = *:1 *:65536\n", 2, "\"*:65536\" is neither"},
	    {"[wsd]\nlisten = *:1\n  [::1:2\n", 3, "\"[::1:2\" is neither"},
	    {"[fcgi]\nlisten = unix:/a\n  unix:/b\n", 3, "\"unix:/a unix:/b\" is neither"},
	    {"[fcgi]\nlisten = unix:run/fcgi\n", 2, "\"unix:run/fcgi\" is neither"},
	    {"[protocol]\nmatch_origin_protocol = on\n", 2, "neither true nor false"},
	    /* sections with a name */
	    {"[relay]\nsay = room\n", 2, "in this section: write [relay \"/chat\"]"},
	    {"\n[relay /chat]\nsay = room\n", 3, "write [relay \"/chat\"]"},
	    {"[relay \"/chat]\nsay = room\n", 2, "write [relay \"/chat\"]"},
	    {"[relay \"/chat\" x]\nsay = room\n", 2, "write [relay \"/chat\"]"},
	    {"[relay \"chat\"]\nsay = room\n", 2, "the namespace is not like /chat"},
	    {"[relay \"/chat?x\"]\nsay = room\n", 2, "the namespace is not like /chat"},
	    {"[relay \"/1234567890123456789012345678901234567890123456789012345678901234\"]\n"
	     "say = room\n",
		2, "the namespace is longer than 63 bytes"},
	    {"[relay \"/chat\"]\nsay = room\nmove = rooms\n", 3,
		"[relay \"/chat\"] neither room nor all"},
	    {"[relay \"\"]\nsay =\n", 2, "[relay \"\"] neither room nor all"},
	    {"[relay \"\"]\nsay: room\n", 2, "write EVENT = room"},
	    {"[relay \"\"]\n\"say = room\n", 2, "write EVENT = room"},
	    {"[relay \"\"]\n\"\" = room\n", 2, "write EVENT = room"},
	    {"[relay \"\"]\ndisconnect = room\n", 2, "clients raise this event"},
	    {"[relay \"\"]\nsay = room 0\n", 2, "the events per second are not a number"},
	    {"[relay \"\"]\nsay = room 10001\n", 2, "from 1 to 10000"},
	    {"[relay \"\"]\nsay = room 5 many\n", 2, "the bytes per second are not"},
	    {"[relay \"\"]\nsay = room 5 2G\n", 2, "from 1 to 1G"},
	    {"[relay \"\"]\nsay = room 5 1k 7\n", 2, "more than EVENT = room|all"},
	    {"[relay \"\"]\nsay = room 5 volatile\n", 2, "the bytes per second are not"},
	    {"[relay \"\"]\nsay = room\n  move = none\n", 3, "neither room nor all"},
	    {"[relay \"\"]\nsay = room\n[relay \"/x\"]\nsay = all\n[relay \"\"]\nsay = all\n", 6,
		"say: given twice, first in line 2"},
	    {"[relays \"\"]\nsay = room\n", 2, "unknown section [relays"},
	    {"\n[protocol\n", 2, "neither"},
	    {"[protocol]\nheartbeat_timeout 20\nfoo = 1\n", 2, "neither"},
	    {"[protocol]\nfoo = 1\nheartbeat_timeout 20\n", 2, "unknown key"},
	    {"[protocol]\nheartbeat_timeout = 0\n", 2,
		"not a number of seconds from 0.01 to 2147483"},
	    {"[protocol]\nheartbeat_timeout = 2147484\n", 2, "not a number of seconds"},
	    {"[protocol]\nheartbeat_timeout = 2147483.001\n", 2, "not a number of seconds"},
	    {"[protocol]\nclose_timeout = 99999999999999999999999\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout =\n", 2, "not a number"},
	    {"[fcgi]\nstreaming = on\n", 2, "\"on\" is not auto, yes or no"},
	    {"[protocol]\nclose_timeout = -1\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout = 1.\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout = 1s\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout = .5\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout = 0x10\n", 2, "not a number"},
	    {"[protocol]\nclose_timeout = 20\n  30\n", 3, "takes one line"},
	    {"[protocol]\nclose_timeout = 20\n  close_timeout = 30\n", 3, "takes one line"},
	    {"[protocol]\nresource = /\n", 2, "not a URL path"},
	    {"[protocol]\nresource = a?b\n", 2, "not a URL path"},
	    {"[protocol]\nresource = a b\n", 2, "\"a b\" is not a URL path"},
	    {"[protocol]\nresource = a%20b\n", 2, "not a URL path"},
	    {"[protocol]\nresource = a\"b\n", 2, "not a URL path"},
	    {"[protocol]\nresource = a//b\n", 2, "not a URL path"},
	    {"[protocol]\nresource = a/../b\n", 2, "not a URL path"},
	    {"[protocol]\nresource = caf\xc3\xa9\n", 2, "not a URL path"},
	    {"[protocol]\norigins =\n", 2, "may not be empty"},
	    {"[protocol]\norigins = ,\n", 2, "may not be empty"},
	    {"[protocol]\norigins = a, ,b\n", 2, "\",\": an item of the list may not be empty"},
	    {"[protocol]\norigins = example.com:99999\n", 2,
		"origins: \"example.com:99999\": the port is not a number from 1 to 65535"},
	    {"[protocol]\norigins = a\n  https://b/page\n", 3,
		"\"https://b/page\": the origin of a page has no path"},
	    {"[protocol]\norigins = a.*\n", 2, "\"a.*\": the host is not"},
	    {"[limits]\nbody_bytes = 1.5M\n", 2, "not a number from 1 to 1G (k,"},
	    {"[limits]\nbody_bytes = 2G\n", 2, "not a number"},
	    {"[limits]\nsessions = 9999999999G\n", 2, "not a number"},
	    {"[limits]\nsessions = 10kk\n", 2, "not a number"},
	    {"[server]\ntrusted_proxies = ::1, 10.0.0.0/33\n", 2,
		"trusted_proxies: \"10.0.0.0/33\" is"},
	    {"[server]\ntrusted_proxies = ::1\n  proxy.example\n", 3,
		"\"proxy.example\" is neither"},
	    {"[server]\ntrusted_proxies = 10.0.0.1:80\n", 2, "is neither an address, nor"},
	    {"[store]\ndata =\n", 2, "may not be empty"},
	    {"[wsd]\nreachable = maybe\n", 2, "is not auto, yes or no"},
	    {"[wsd]\ntls_min = 1\n", 2, "\"1\" is not 1.0, 1.1, 1.2 or 1.3"},
	    {"[wsd]\ntls_listen = 8443\n", 2, "\"8443\" is neither host:port nor unix:/path"},
	    {"[wsd]\nworkers = 0\n", 2, "\"0\" is neither auto nor a number from 1 to 256"},
	    {"[wsd]\nworkers = 257\n", 2, "is neither auto nor"},
	    {"[wsd]\nworkers = all\n", 2, "is neither auto nor"},
	    {"[wsd]\nworkers =\n", 2, "is neither auto nor"},
	    {"[fcgi]\nmax_held_polls = 1001\n", 2,
		"\"1001\" is neither auto, none nor a number from 1 to 1000"},
	    {"[wsd]\nmax_held_requests = auto\n", 2, "\"auto\" is neither none nor a number"},
	    {"[wsd]\nreachable =\n", 2, "is not auto, yes or no"},
	    {"[log]\nlevel = loud\n", 2, "is not error, warn"},
	    {"[hook]\nauthorize_on_error = yes\n", 2, "neither accept nor refuse"},
	    {"[hook]\nmax_in_flight = 0\n", 2, "not a number from 1 to 1000"},
	    {"[cluster]\nredis = localhost\n", 2, "redis: not redis://host:port"},
	    {"[cluster]\nredis = redis://a:b\n", 2, "redis: a port is not a number"},
	    {"[cluster]\nnode = Front\n", 2, "\"Front\" is not at most 32 of a-z"},
	    {"[cluster]\nnode = a23456789-123456789-123456789-123\n", 2, "at most 32"},
	    {"[cluster]\nnumber = 4096\n", 2, "\"4096\" is not a number from 0 to 4095"},
	    {"[cluster]\nnumber = -2\n", 2, "is not a number from 0 to 4095"},
	    {"[cluster]\nprefix = a b\n", 2, "\"a b\" has more than letters"},
	    {"[cluster]\nprefix =\n", 2, "may not be empty"},
	};
	struct config cfg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char want[sizeof(path) + 16];

		assert_int_equal(read_text(&cfg, table[i].text), -1);
		snprintf(want, sizeof(want), "%s:%d: ", path, table[i].line);
		if (strncmp(error, want, strlen(want)) != 0 || strstr(error, table[i].says) == NULL)
			fail_msg("%s gave \"%s\"", table[i].text, error);
	}
}

static void
a_password_of_redis_is_in_no_error_and_its_file_is_looked_at(void **state)
{
	char *variables[] = {(char[]){"POLLUX_CLUSTER_REDIS=redis://:secret@a"}, NULL};
	const char *with = "[cluster]\nredis = redis://:secret@a\n";
	struct config cfg;

	(void)state;
	assert_int_equal(read_text(&cfg, "[cluster]\nredis = redis://:secret@a:b\n"), -1);
	assert_null(strstr(error, "secret"));
	assert_int_equal(read_text(&cfg, "[cluster]\nredis = redis:/:secret@a:b\n"), -1);
	assert_null(strstr(error, "secret"));

	assert_int_equal(chmod(file(1, with), 0644), 0);
	assert_int_equal(config_read(&cfg, path, error, sizeof(error)), 0);
	assert_true(cfg.cluster_exposed);
	assert_int_equal(config_environment(&cfg, variables, error, sizeof(error)), 0);
	assert_false(cfg.cluster_exposed);
	assert_int_equal(chmod(file(1, with), 0600), 0);
	assert_int_equal(config_read(&cfg, path, error, sizeof(error)), 0);
	assert_false(cfg.cluster_exposed);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_text(&cfg, "[cluster]\nredis = redis://a\n"), 0);
	assert_false(cfg.cluster_exposed);

	snprintf(cfg.cluster_password_file, sizeof(cfg.cluster_password_file), "/x");
	assert_int_equal(config_check(&cfg, error, sizeof(error)), 0);
	snprintf(cfg.cluster_redis, sizeof(cfg.cluster_redis), "redis://:secret@a");
	assert_int_equal(config_check(&cfg, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "[cluster] password_file"));
}

static void
the_number_of_a_node_is_one_or_any(void **state)
{
	struct config cfg;

	(void)state;
	assert_int_equal(read_text(&cfg, ""), 0);
	assert_int_equal(cfg.cluster_number, -1);
	assert_int_equal(read_text(&cfg, "[cluster]\nnumber = 0\n"), 0);
	assert_int_equal(cfg.cluster_number, 0);
	assert_int_equal(read_text(&cfg, "[cluster]\nnumber = 4095\nnode = a-1\n"), 0);
	assert_int_equal(cfg.cluster_number, 4095);
	assert_string_equal(cfg.cluster_node, "a-1");
	assert_int_equal(read_text(&cfg, "[cluster]\nnumber = -1\n"), 0);
	assert_int_equal(cfg.cluster_number, -1);
}

/* The lines of `error`, without the path. */
static void
assert_mistakes(const char *text, const char *want)
{
	char said[sizeof(error)] = "", *rest = error, *line;
	struct config cfg;

	assert_int_equal(read_text(&cfg, text), -1);
	while ((line = strsep(&rest, "\n")) != NULL) {
		assert_memory_equal(line, path, strlen(path));
		snprintf(said + strlen(said), sizeof(said) - strlen(said), "%.12s\n",
		    line + strlen(path));
	}
	assert_string_equal(said, want);
}

static void
every_mistake_of_a_file_is_told(void **state)
{
	char many[2000] = "[log]\n";

	(void)state;
	assert_mistakes("[log]\nlevel = loud\ncolour = red\n  blue\n[limits]\nsessions = 0\n"
			"sessions = 5\nbody_bytes = 1\n",
	    ":2: level: \"\n:3: unknown \n:6: sessions\n:7: sessions\n");
	/* what follows may only follow from these */
	assert_mistakes("[log]\nlevel = loud\n[limit]\nsessions = 0\n[log]\nlevel = quiet\n",
	    ":2: level: \"\n:4: unknown \n");
	assert_mistakes("[log]\nlevel = loud\n[limits\nsessions = 0\n[cheese]\nx = 1\n",
	    ":2: level: \"\n:3: neither \n");
	assert_mistakes("x = 1\ny = 2\n", ":1: \"x\" come\n");
	for (int i = 0; i < 30; i++)
		strcat(many, "a = 1\n");
	read_text(&(struct config){.log_level = 0}, many);
	assert_null(strstr(error, ":23: "));
}

static void
a_value_fits_its_field_or_is_refused(void **state)
{
	struct config cfg;
	char text[4096] = "[protocol]\norigins = a\n";
	char word[101];

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	for (int i = 0; i < 10; i++) {
		strcat(text, " ");
		strcat(text, word);
		strcat(text, "\n");
	}
	assert_int_equal(read_text(&cfg, text), 0);
	assert_int_equal(strlen(cfg.origins), 1 + 10 * 101);
	strcat(text, " xxxxxxxxxxxx\n"); /* 1011, a comma, 12 more: no room for the NUL */
	assert_int_equal(read_text(&cfg, text), -1);
	assert_non_null(strstr(error, ":13: origins: longer than 1023 characters"));
	assert_int_equal(strlen(cfg.origins), 1 + 10 * 101);
}

static void
an_overlong_line_is_refused_not_cut(void **state)
{
	struct config cfg;
	char text[512] = "[app]\nmodule = ";

	(void)state;
	memset(text + strlen(text), 'm', 300);
	assert_int_equal(read_text(&cfg, text), -1);
	assert_non_null(strstr(error, ":2: the line is longer than"));
}

static void
an_unreadable_file_is_an_error(void **state)
{
	struct config cfg;

	(void)state;
	config_default(&cfg);
	assert_int_equal(config_read(&cfg, "/nonexistent/x.conf", error, sizeof(error)), -1);
	assert_string_equal(error, "/nonexistent/x.conf: No such file or directory");
	assert_int_equal(config_read(&cfg, folder, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "Is a directory"));
}

static void
the_environment_is_read_like_a_file(void **state)
{
	static char a[] = "POLLUX_PROTOCOL_POLLING_DURATION=3", b[] = "POLLUX_WSD_LISTEN=*:9",
		    c[] = "POLLUX_CONF=/nowhere", d[] = "POLLUXX=1", e[] = "POLLUX_OTHER=1",
		    f[] = "POLLUX_APP_MODULE=./x.so", bad[] = "POLLUX_LIMITS_SESSION=1",
		    worse[] = "POLLUX_LIMITS_SESSIONS=many";
	char *good_list[] = {a, b, c, d, e, f, NULL}, *bad_list[] = {a, bad, NULL},
	     *worse_list[] = {worse, NULL};
	struct config cfg;

	(void)state;
	config_default(&cfg);
	assert_int_equal(config_environment(&cfg, good_list, error, sizeof(error)), 0);
	assert_int_equal(cfg.polling_duration_ms, 3000);
	assert_string_equal(cfg.wsd_listen, "*:9");
	assert_string_equal(cfg.module, "./x.so");
	assert_int_equal(config_environment(&cfg, bad_list, error, sizeof(error)), -1);
	assert_string_equal(error, "POLLUX_LIMITS_SESSION: unknown key in the environment");
	assert_int_equal(config_environment(&cfg, worse_list, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "POLLUX_LIMITS_SESSIONS: sessions: \"many\" is not"));
}

/* config_read() of "[section]\nkey = value\n". */
static int
read_row(struct config *cfg, const struct config_row *row, const char *value)
{
	char text[256];

	snprintf(text, sizeof(text), "[%s]\n%s = %s\n", row->section, row->key, value);
	return read_text(cfg, text);
}

static void
every_number_takes_both_ends_of_its_range(void **state)
{
	struct config cfg;
	size_t numbers = 0;

	(void)state;
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];
		char beyond[64];

		if (row->least == NULL)
			continue;
		numbers++;
		assert_int_equal(read_row(&cfg, row, row->least), 0);
		assert_int_equal(read_row(&cfg, row, row->most), 0);
		snprintf(beyond, sizeof(beyond), "9%s", row->most);
		assert_int_equal(read_row(&cfg, row, beyond), -1);
		assert_non_null(strstr(error, row->most));
	}
	assert_true(numbers > 20);
}

static void
only_required_texts_may_not_be_empty(void **state)
{
	struct config cfg;

	(void)state;
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];

		if (row->kind != KIND_TEXT && row->kind != KIND_LIST && row->kind != KIND_PROXIES &&
		    row->kind != KIND_ORIGINS && row->kind != KIND_PATH)
			continue;
		assert_int_equal(read_row(&cfg, row, ""), row->required ? -1 : 0);
	}
}

static void
every_setting_has_a_field_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *a = &config_table[i];

		assert_ptr_equal(config_table_find(a->section, a->key), a);
		for (size_t k = 0; k < i; k++) {
			const struct config_row *b = &config_table[k];

			assert_true(
			    a->offset >= b->offset + b->room || b->offset >= a->offset + a->room);
		}
	}
}

static void
timeouts_that_end_live_sessions_are_refused(void **state)
{
	struct config cfg;

	(void)state;
	config_default(&cfg);
	cfg.polling_duration_ms = cfg.close_timeout_ms;
	assert_int_equal(config_check(&cfg, error, sizeof(error)), -1);
	assert_string_equal(
	    error, "[protocol] polling_duration (60 s) must be less than close_timeout (60 s)");
	config_default(&cfg);
	cfg.heartbeat_timeout_ms = 25000;
	assert_int_equal(config_check(&cfg, error, sizeof(error)), -1);
	config_default(&cfg);
	cfg.close_timeout_ms = 24500;
	assert_int_equal(config_check(&cfg, error, sizeof(error)), -1);
	assert_string_equal(
	    error, "[protocol] heartbeat_interval (25 s) must be less than close_timeout (24.5 s)");
}

static void
a_relative_path_starts_at_the_file_however_it_is_named(void **state)
{
	static const char text[] = "[app]\nmodule = x.so\n[log]\nfile = ./log/x\n";
	static char module[] = "POLLUX_APP_MODULE=y.so", *list[] = {module, NULL};
	char want[sizeof(path) + 8], before[512];
	struct config cfg;

	(void)state;
	file(1, text);
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	/* never without a slash: a module would be looked for where libraries are */
	config_default(&cfg);
	assert_int_equal(config_read(&cfg, "1.conf", error, sizeof(error)), 0);
	assert_string_equal(cfg.module, "./x.so");
	assert_string_equal(cfg.log_file, "./log/x");
	assert_int_equal(config_read(&cfg, "./1.conf", error, sizeof(error)), 0);
	assert_string_equal(cfg.module, "./x.so");
	assert_int_equal(config_environment(&cfg, list, error, sizeof(error)), 0);
	assert_string_equal(cfg.module, "./y.so");
	assert_int_equal(chdir(before), 0);
	assert_int_equal(config_read(&cfg, path, error, sizeof(error)), 0);
	snprintf(want, sizeof(want), "%s/x.so", folder);
	assert_string_equal(cfg.module, want);
	snprintf(want, sizeof(want), "%s/log/x", folder);
	assert_string_equal(cfg.log_file, want);
}

static void
what_was_read_is_known(void **state)
{
	char first[sizeof(path)], want[2 * sizeof(path) + 2];
	const char *paths[] = {first, path, NULL}, *none[] = {NULL};
	struct config cfg;

	(void)state;
	strcpy(first, file(1, "[limits]\nsessions = 1\n"));
	file(2, "[limits]\nsessions = 2\n"); /* in another file it is no second time */
	assert_int_equal(config_load(&cfg, paths, error, sizeof(error)), 0);
	snprintf(want, sizeof(want), "%s, %s", first, path);
	assert_string_equal(cfg.files, want);
	assert_false(cfg.no_file);
	assert_int_equal(config_load(&cfg, none, error, sizeof(error)), 0);
	assert_true(cfg.no_file);
	assert_non_null(strstr(cfg.files, "none (no -c, no POLLUX_CONF, no /"));
	assert_non_null(strstr(cfg.files, "/pollux.conf)"));
}

static void
later_files_win_and_the_environment_wins_over_all(void **state)
{
	char first[sizeof(path)], second[sizeof(path)], list[2 * sizeof(path) + 1];
	const char *paths[] = {first, second, NULL}, *none[] = {NULL};
	struct config cfg;

	(void)state;
	strcpy(first, file(1, "[limits]\nsessions = 1\nconnections = 1\nbad_packets = 1\n"));
	strcpy(second, file(2, "[limits]\nsessions = 2\nconnections = 2\n"));
	setenv("POLLUX_LIMITS_SESSIONS", "3", 1);
	assert_int_equal(config_load(&cfg, paths, error, sizeof(error)), 0);
	assert_int_equal(cfg.bad_packets, 1);
	assert_int_equal(cfg.connections, 2);
	assert_int_equal(cfg.sessions, 3);
	unsetenv("POLLUX_LIMITS_SESSIONS");

	snprintf(list, sizeof(list), "%s:%s", second, first);
	setenv("POLLUX_CONF", list, 1);
	assert_int_equal(config_load(&cfg, none, error, sizeof(error)), 0);
	assert_int_equal(cfg.sessions, 1);
	paths[0] = second;
	assert_int_equal(config_load(&cfg, paths, error, sizeof(error)), 0);
	assert_int_equal(cfg.sessions, 2);
	assert_int_equal(cfg.bad_packets, 100);
	unsetenv("POLLUX_CONF");
	assert_int_equal(config_load(&cfg, none, error, sizeof(error)), 0);
	assert_int_equal(cfg.sessions, 100000);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/%d.conf", folder, i);
		unlink(path);
	}
	return rmdir(folder);
}

static void
a_hook_needs_a_url_a_secret_and_no_module(void **state)
{
	static const struct {
		const char *url, *secret, *module;
		bool good;
	} table[] = {
	    {"", "", "/x.so", true},
	    {"http://127.0.0.1/hook.php", "whsec_x", "", true},
	    {"https://example.com/", "whsec_x", "", true},
	    {"unix:/run/app.sock:/", "whsec_x", "", true},
	    {"http://127.0.0.1/", "whsec_x", "/x.so", false},
	    {"http://127.0.0.1/", "", "", false},
	    {"file:///etc/passwd", "whsec_x", "", false},
	    {"unix:app.sock", "whsec_x", "", false},
	    {"http://127.0.0.1/ x", "whsec_x", "", false},
	};
	struct config cfg;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		config_default(&cfg);
		snprintf(cfg.hook_url, sizeof(cfg.hook_url), "%s", table[i].url);
		snprintf(cfg.hook_secret, sizeof(cfg.hook_secret), "%s", table[i].secret);
		snprintf(cfg.module, sizeof(cfg.module), "%s", table[i].module);
		assert_int_equal(config_check(&cfg, error, sizeof(error)), table[i].good ? 0 : -1);
	}
}

/* --- reading it again ----------------------------------------------------------------------- */

static void
a_running_program_takes_live_settings_over_and_names_both_kinds(void **state)
{
	struct config old, new, merged;
	struct config_changes changes;

	(void)state;
	config_default(&old);
	assert_int_equal(read_text(&new, "[limits]\nsessions = 7\n[log]\nlevel = debug\n"
					 "[protocol]\norigins = a.example:*\nresource = other\n"
					 "[wsd]\nlisten = 127.0.0.1:1\n"),
	    0);
	/* what is left behind the end of a text does not count */
	memset(new.hook_url, 'x', sizeof(new.hook_url));
	new.hook_url[0] = '\0';
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken, "[protocol] origins, [limits] sessions, [log] level");
	assert_string_equal(changes.waiting, "[protocol] resource, [wsd] listen");
	assert_int_equal(merged.sessions, 7);
	assert_int_equal(merged.log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(merged.origins, "a.example:*");
	assert_string_equal(merged.resource, "socket.io");
	assert_string_equal(merged.wsd_listen, old.wsd_listen);
	/* what waits is told again, what was taken is not */
	config_reload_merge(&old, &merged, &new, &changes);
	assert_string_equal(changes.taken, "");
	assert_string_equal(changes.waiting, "[protocol] resource, [wsd] listen");
}

static void
assert_relay(const struct config *cfg, size_t i, const char *ns, const char *event, bool to_all,
    size_t events, size_t bytes)
{
	const struct config_relay *relay = &cfg->relays[i];

	assert_true(i < cfg->relays_n);
	assert_string_equal(relay->ns, ns);
	assert_string_equal(relay->event, event);
	assert_int_equal(relay->to_all, to_all);
	assert_int_equal(relay->events, events);
	assert_int_equal(relay->bytes, bytes);
}

static void
events_that_are_relayed_are_read_as_they_are_written(void **state)
{
	struct config cfg, old, merged;
	struct config_changes changes;
	struct buf text = {.p = NULL};

	(void)state;
	assert_int_equal(read_text(&cfg, "[relay \"/chat\"] ; comment\n"
					 "say = room\n"
					 "user:typing=all 5 ; comment\n"
					 "  two words  =  all  volatile 7  2k\r\n"
					 "\"a=b;c\" = room\n"
					 "; move = all\n"
					 "[log]\nlevel = warn\n"
					 "[relay \"\"]\n"
					 "say;x = all 10000 1G\n"),
	    0);
	assert_int_equal(cfg.relays_n, 5);
	assert_relay(&cfg, 0, "/chat", "say", false, 20, 65536);
	assert_relay(&cfg, 1, "/chat", "user:typing", true, 5, 65536);
	assert_relay(&cfg, 2, "/chat", "two words", true, 7, 2048);
	assert_relay(&cfg, 3, "/chat", "a=b;c", false, 20, 65536);
	assert_relay(&cfg, 4, "", "say;x", true, 10000, (size_t)1 << 30);
	assert_true(cfg.relays[2].is_volatile && !cfg.relays[1].is_volatile);
	/* a later file wins */
	old = cfg;
	assert_int_equal(config_read(&cfg, file(2, "[relay \"/chat\"]\nsay = all 9\nnew = all\n"),
			     error, sizeof(error)),
	    0);
	assert_int_equal(cfg.relays_n, 6);
	assert_relay(&cfg, 0, "/chat", "say", true, 9, 65536);
	assert_relay(&cfg, 5, "/chat", "new", true, 20, 65536);
	/* and a running program takes them all */
	config_reload_merge(&merged, &old, &cfg, &changes);
	assert_string_equal(changes.taken, "[relay]");
	assert_int_equal(merged.relays_n, 6);
	config_reload_copy(&old, &merged);
	config_reload_merge(&merged, &old, &cfg, &changes);
	assert_string_equal(changes.taken, "");
	/* 64 in all */
	buf_puts(&text, "[relay \"\"]\n");
	for (int i = 0; i < 65; i++)
		buf_printf(&text, "event-%d = all\n", i);
	buf_add_char(&text, '\0');
	assert_int_equal(read_text(&cfg, text.p), -1);
	assert_non_null(strstr(error, ":66: "));
	assert_non_null(strstr(error, "more than 64 events are relayed"));
	assert_int_equal(cfg.relays_n, CONFIG_RELAYS_MAX);
	buf_free(&text);
}

static void
times_that_do_not_fit_what_clients_were_told_wait_with_it(void **state)
{
	struct config old, new, merged;
	struct config_changes changes;

	(void)state;
	config_default(&old);
	assert_int_equal(
	    read_text(&new, "[protocol]\npolling_duration = 90\nclose_timeout = 120\n"), 0);
	assert_int_equal(config_check(&new, error, sizeof(error)), 0);
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken, "");
	assert_string_equal(
	    changes.waiting, "[protocol] close_timeout, [protocol] polling_duration");
	assert_int_equal(merged.polling_duration_ms, 20000);
	assert_int_equal(config_check(&merged, error, sizeof(error)), 0);
	/* shorter than that it is taken at once */
	assert_int_equal(
	    read_text(&new, "[protocol]\npolling_duration = 30\nclose_timeout = 120\n"), 0);
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken, "[protocol] polling_duration");
	assert_int_equal(merged.polling_duration_ms, 30000);
}

static void
another_kind_of_application_waits_another_url_does_not(void **state)
{
	struct config old, new, merged;
	struct config_changes changes;

	(void)state;
	assert_int_equal(read_text(&old, "[app]\nmodule = /x.so\n"), 0);
	assert_int_equal(read_text(&new, "[hook]\nurl = http://127.0.0.1/\nsecret = whsec_x\n"), 0);
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken, "");
	assert_string_equal(changes.waiting, "[app] module, [hook] url, [hook] secret");
	assert_int_equal(config_check(&merged, error, sizeof(error)), 0);
	/* and back */
	config_reload_merge(&merged, &new, &old, &changes);
	assert_string_equal(changes.taken, "");
	assert_int_equal(config_check(&merged, error, sizeof(error)), 0);
	old = new;
	snprintf(new.hook_url, sizeof(new.hook_url), "http://127.0.0.2/");
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken, "[hook] url");
	assert_string_equal(merged.hook_url, "http://127.0.0.2/");
}

static void
every_setting_is_named_when_it_changes_or_the_list_says_that_there_are_more(void **state)
{
	struct config old, new, merged;
	struct config_changes changes;
	size_t live = 0;

	(void)state;
	config_default(&old);
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];
		char name[128];

		new = old;
		/* another first byte is another value of every kind */
		((char *)&new)[row->offset] ^= 1;
		snprintf(name, sizeof(name), "[%s] %s", row->section, row->key);
		config_reload_merge(&merged, &old, &new, &changes);
		live += row->live && changes.taken[0] != '\0';
		/* a secret with no url is taken, and does nothing */
		assert_non_null(
		    strstr(changes.taken[0] != '\0' ? changes.taken : changes.waiting, name));
	}
	assert_in_range(live, 40, config_table_n - 20);
	memcpy(&new, &old, sizeof(new));
	for (size_t i = 0; i < config_table_n; i++)
		((char *)&new)[config_table[i].offset] ^= 1;
	config_reload_merge(&merged, &old, &new, &changes);
	assert_string_equal(changes.taken + strlen(changes.taken) - 5, ", ...");
	assert_true(strlen(changes.taken) < CONFIG_NAMES_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_those_of_0_9_and_pass_the_check),
	    cmocka_unit_test(every_kind_of_value_is_read),
	    cmocka_unit_test(a_mistake_is_reported_with_file_and_line),
	    cmocka_unit_test(every_number_takes_both_ends_of_its_range),
	    cmocka_unit_test(only_required_texts_may_not_be_empty),
	    cmocka_unit_test(every_setting_has_a_field_of_its_own),
	    cmocka_unit_test(a_value_fits_its_field_or_is_refused),
	    cmocka_unit_test(an_overlong_line_is_refused_not_cut),
	    cmocka_unit_test(every_mistake_of_a_file_is_told),
	    cmocka_unit_test(an_unreadable_file_is_an_error),
	    cmocka_unit_test(the_environment_is_read_like_a_file),
	    cmocka_unit_test(a_hook_needs_a_url_a_secret_and_no_module),
	    cmocka_unit_test(a_password_of_redis_is_in_no_error_and_its_file_is_looked_at),
	    cmocka_unit_test(the_number_of_a_node_is_one_or_any),
	    cmocka_unit_test(timeouts_that_end_live_sessions_are_refused),
	    cmocka_unit_test(a_relative_path_starts_at_the_file_however_it_is_named),
	    cmocka_unit_test(what_was_read_is_known),
	    cmocka_unit_test(later_files_win_and_the_environment_wins_over_all),
	    cmocka_unit_test(a_running_program_takes_live_settings_over_and_names_both_kinds),
	    cmocka_unit_test(events_that_are_relayed_are_read_as_they_are_written),
	    cmocka_unit_test(times_that_do_not_fit_what_clients_were_told_wait_with_it),
	    cmocka_unit_test(another_kind_of_application_waits_another_url_does_not),
	    cmocka_unit_test(
		every_setting_is_named_when_it_changes_or_the_list_says_that_there_are_more),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
