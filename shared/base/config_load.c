/* config_load: which files a program reads, and what it says of them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "shared/base/config.h"
#include "shared/base/slice.h"

#include "sysconfdir.h" /* POLLUX_SYSCONFDIR, made by the Makefile */

#define SYSTEM_FILE POLLUX_SYSCONFDIR "/pollux/pollux.conf"

/* Read one file and note its name in `cfg->files`. */
static int
load_file(struct config *cfg, const char *path, char *error, size_t error_size)
{
	size_t n = strlen(cfg->files);

	/* what does not fit is not said */
	snprintf(cfg->files + n, sizeof(cfg->files) - n, "%s%s", n == 0 ? "" : ", ", path);
	return config_read(cfg, path, error, error_size);
}

/* Read every file of a list separated by ':'. */
static int
load_path_list(struct config *cfg, const char *list, char *error, size_t error_size)
{
	struct slice rest = slice_of(list), piece;
	char path[PATH_MAX];

	while (slice_cut(&rest, ':', &piece)) {
		if (piece.n == 0)
			continue;
		if (piece.n >= sizeof(path)) {
			snprintf(error, error_size, "POLLUX_CONF: a path is too long");
			return -1;
		}
		memcpy(path, piece.p, piece.n);
		path[piece.n] = '\0';
		if (load_file(cfg, path, error, error_size) == -1)
			return -1;
	}
	return 0;
}

/* The folder of the binary, with its slash, to `path`.  Return its length, 0 if nothing tells. */
static size_t
folder_of_binary(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);
	char *slash;

	if (n <= 0) { /* no /proc, as in some chroots */
		if (executed == NULL || realpath(executed, path) == NULL)
			return 0;
		n = (ssize_t)strlen(path);
	}
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash == NULL ? 0 : (size_t)(slash + 1 - path);
}

/* Read the configuration beside the binary, if there is one: all that an account on shared hosting
 * has, where neither options nor variables reach the program. */
static int
load_beside_binary(struct config *cfg, char *error, size_t error_size)
{
	/* the first because a web server that is set up as usual never shows a file whose name
	 * begins with .ht, whatever becomes of our own rules */
	static const char *const names[] = {".htpollux.conf", "pollux.conf"};
	char folder[PATH_MAX], path[PATH_MAX + 16];
	size_t n = folder_of_binary(folder);

	if (n == 0) /* no file, as if there were none */
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%.*s%s", (int)n, folder, names[i]);
		if (access(path, F_OK) == 0) {
			snprintf(
			    cfg->beside, sizeof(cfg->beside), "%.*s", CONFIG_PATH_MAX - 1, path);
			return load_file(cfg, path, error, error_size);
		}
	}
	snprintf(cfg->files, sizeof(cfg->files),
	    "none (no -c, no POLLUX_CONF, no %.900s, no " SYSTEM_FILE
	    "): the defaults and the environment",
	    path);
	cfg->no_file = true;
	return 0;
}

/* Last, the file of a server, which `make install` writes: so the command needs no -c there. */
static int
load_of_system(struct config *cfg, char *error, size_t error_size)
{
	if (!cfg->no_file || access(SYSTEM_FILE, F_OK) == -1)
		return 0;
	cfg->no_file = false;
	cfg->files[0] = '\0';
	return load_file(cfg, SYSTEM_FILE, error, error_size);
}

int
config_load(struct config *cfg, const char *const *paths, char *error, size_t error_size)
{
	const char *list = getenv("POLLUX_CONF");

	config_default(cfg);
	/* -c replaces POLLUX_CONF, and that replaces the file beside the binary, and that
	 * the server's: a program that is told what to read reads nothing else. */
	if (paths[0] != NULL) {
		for (; *paths != NULL; paths++)
			if (load_file(cfg, *paths, error, error_size) == -1)
				return -1;
	} else if (list != NULL && list[0] != '\0') {
		if (load_path_list(cfg, list, error, error_size) == -1)
			return -1;
	} else if (load_beside_binary(cfg, error, error_size) == -1 ||
		   load_of_system(cfg, error, error_size) == -1) {
		return -1;
	}
	/* Variables come after the files, which they override. */
	if (config_environment(cfg, environ, error, error_size) == -1)
		return -1;
	/* Last: a file may be inconsistent until a later one or a variable corrects it. */
	return config_check(cfg, error, error_size);
}
