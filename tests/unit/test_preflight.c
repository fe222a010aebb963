/* preflight: what a start needs of the machine is found missing, and nothing is made. */
#include "shared/base/preflight.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/listen.h"
#include "shared/base/log.h"

static char folder[] = "/tmp/pollux-test-XXXXXX";
static char said[2048]; /* the errors, a line each */

static void
take_line(void *arg, enum log_level level, const char *line)
{
	size_t n = strlen(said);

	(void)arg;
	assert_int_equal(level, LOG_LEVEL_ERROR);
	snprintf(said + n, sizeof(said) - n, "%s\n", line);
}

/* The path of a name in the folder, and the folder itself of "". */
static const char *
in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
	return path;
}

static void
make_file(const char *name)
{
	FILE *file = fopen(in_folder(name), "w");

	assert_non_null(file);
	fclose(file);
}

/* What is said of a data folder of this name, or of a log; without the setting and the folder. */
static const char *
say_of(void (*look)(const struct config *), const char *name)
{
	static struct config cfg;
	const char *at;

	config_default(&cfg);
	snprintf(cfg.data, sizeof(cfg.data), "%s", in_folder(name));
	snprintf(cfg.log_file, sizeof(cfg.log_file), "%s", in_folder(name));
	said[0] = '\0';
	look(&cfg);
	at = strstr(said, folder);
	return at == NULL ? said : at + strlen(in_folder(name));
}

static void
a_data_folder_is_there_or_can_be_made(void **state)
{
	(void)state;
	assert_string_equal(say_of(preflight_data, ""), "");
	assert_string_equal(say_of(preflight_data, "new"), "");
	assert_int_equal(access(in_folder("new"), F_OK), -1);
	assert_string_equal(say_of(preflight_data, "no/new"), ": No such file or directory\n");
	make_file("file");
	assert_string_equal(say_of(preflight_data, "file"), ": Not a directory\n");
	assert_non_null(strstr(said, "[store] data: /"));
	assert_string_equal(say_of(preflight_data, "file/new"), ": Not a directory\n");
}

static void
a_group_is_there(void **state)
{
	static struct config cfg;

	(void)state;
	config_default(&cfg);
	snprintf(cfg.data, sizeof(cfg.data), "%s", folder);
	snprintf(cfg.store_group, sizeof(cfg.store_group), "root");
	said[0] = '\0';
	preflight_data(&cfg);
	assert_string_equal(said, "");
	snprintf(cfg.store_group, sizeof(cfg.store_group), "nosuchgroup");
	preflight_data(&cfg);
	assert_string_equal(said, "[store] group: there is no group nosuchgroup\n");
}

static void
a_log_is_there_or_can_be_made(void **state)
{
	(void)state;
	assert_string_equal(say_of(preflight_log, "file"), "");
	assert_string_equal(say_of(preflight_log, "log"), "");
	assert_int_equal(access(in_folder("log"), F_OK), -1);
	assert_string_equal(say_of(preflight_log, ""), ": Is a directory\n");
	assert_non_null(strstr(said, "[log] file: /"));
	assert_string_equal(say_of(preflight_log, "no/log"), ": No such file or directory\n");
}

static const char *
say_of_address(const char *address)
{
	said[0] = '\0';
	preflight_addresses("[x] listen", address, true);
	return said;
}

static void
an_address_is_one_of_this_machine(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char taken[32];

	(void)state;
	assert_string_equal(say_of_address(" "), "[x] listen names no address\n");
	assert_string_equal(
	    say_of_address("localhost"), "[x] listen: localhost is not host:port or unix:/path\n");
	assert_string_equal(say_of_address("192.0.2.1:80 198.51.100.1:80"),
	    "[x] listen: cannot listen on 192.0.2.1:80: Cannot assign requested address\n"
	    "[x] listen: cannot listen on 198.51.100.1:80: Cannot assign requested address\n");
	/* one that is in use may be our own, and is left alone */
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	snprintf(taken, sizeof(taken), "127.0.0.1:%d", ntohs(at.sin_port));
	assert_string_equal(say_of_address(taken), "");
	close(fd);
	assert_string_equal(say_of_address(taken), "");
}

static void
a_socket_has_a_folder_and_a_name_of_its_own(void **state)
{
	char address[512], want[1024], deep[128];
	struct listen l;

	(void)state;
	snprintf(address, sizeof(address), "unix:%s", in_folder("a socket"));
	assert_string_equal(say_of_address(address), "");
	assert_int_equal(access(in_folder("a socket"), F_OK), -1);
	snprintf(address, sizeof(address), "127.0.0.1:0 unix:%s", in_folder("no/socket"));
	snprintf(want, sizeof(want), "[x] listen: %s: No such file or directory\n",
	    in_folder("no/socket"));
	assert_string_equal(say_of_address(address), want);
	/* listening there would delete it */
	snprintf(address, sizeof(address), "unix:%s", in_folder("file"));
	snprintf(want, sizeof(want), "[x] listen: %s: it exists, and is not a socket\n",
	    in_folder("file"));
	assert_string_equal(say_of_address(address), want);
	assert_int_not_equal(listen_open(&l, "[x] listen", address), 0);
	assert_int_equal(access(in_folder("file"), F_OK), 0);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	snprintf(address, sizeof(address), "unix:/%s", deep);
	say_of_address(address);
	assert_non_null(strstr(said, "x: File name too long\n"));
}

static void
a_file_can_be_read(void **state)
{
	(void)state;
	said[0] = '\0';
	preflight_file("[x] file", "");
	preflight_file("[x] file", in_folder("file"));
	assert_string_equal(said, "");
	preflight_file("[x] file", in_folder("none"));
	assert_non_null(strstr(said, "/none: No such file or directory\n"));
}

static void
a_password_that_everybody_can_read_is_told(void **state)
{
	static struct config cfg;

	(void)state;
	config_default(&cfg);
	snprintf(
	    cfg.cluster_password_file, sizeof(cfg.cluster_password_file), "%s", in_folder("file"));
	said[0] = '\0';
	assert_int_equal(chmod(in_folder("file"), 0640), 0);
	preflight_cluster(&cfg);
	assert_string_equal(said, "");
	assert_int_equal(chmod(in_folder("file"), 0644), 0);
	preflight_cluster(&cfg);
	assert_non_null(strstr(said, "[cluster] password_file: every user of this machine"));
}

static int
make_folder(void **state)
{
	(void)state;
	log_collect(take_line, NULL);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	log_collect(NULL, NULL);
	unlink(in_folder("file"));
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_data_folder_is_there_or_can_be_made),
	    cmocka_unit_test(a_group_is_there),
	    cmocka_unit_test(a_log_is_there_or_can_be_made),
	    cmocka_unit_test(an_address_is_one_of_this_machine),
	    cmocka_unit_test(a_socket_has_a_folder_and_a_name_of_its_own),
	    cmocka_unit_test(a_file_can_be_read),
	    cmocka_unit_test(a_password_that_everybody_can_read_is_told),
	};

	return cmocka_run_group_tests_name("preflight", tests, make_folder, remove_folder);
}
