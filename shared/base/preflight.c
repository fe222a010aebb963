#include "shared/base/preflight.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/account.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"

/* --- files and folders ------------------------------------------------------------------------ */

static void
log_fault(const char *setting, const char *path, int error)
{
	char why[ACCOUNT_WHY_MAX];

	log_errx("%s: %s: %s", setting, path, account_why(why, path, error));
}

/* Whether a file can be made in the folder of `path`.  Return 0, or -1 with errno. */
static int
check_folder_above(const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[CONFIG_PATH_MAX];

	snprintf(above, sizeof(above), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
	    slash == NULL ? "." : path);
	return eaccess(above, W_OK | X_OK);
}

void
preflight_data(const struct config *cfg)
{
	/* what a process opens there; one that is missing will be made */
	static const char *const names[] = {"pollux.db", "pollux.db-wal", "pollux.db-shm",
	    "actions.db", "actions.db-wal", "actions.db-shm", "lock", "slots", "upgrades", "ways"};
	char path[CONFIG_PATH_MAX + 16];
	struct stat st;
	int said = 0;

	if (cfg->store_group[0] != '\0' && getgrnam(cfg->store_group) == NULL)
		log_errx("[store] group: there is no group %s", cfg->store_group);
	if (stat(cfg->data, &st) == -1) {
		if (errno != ENOENT || check_folder_above(cfg->data) == -1)
			log_fault("[store] data", cfg->data, errno);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_fault("[store] data", cfg->data, ENOTDIR);
		return;
	}
	if (eaccess(cfg->data, R_OK | W_OK | X_OK) == -1) {
		log_fault("[store] data", cfg->data, errno);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", cfg->data, names[i]);
		if (eaccess(path, R_OK | W_OK) == 0 || errno == ENOENT || errno == said)
			continue;
		/* mostly they are all somebody else's: the first one tells whose */
		said = errno;
		log_fault("[store] data", path, said);
	}
}

void
preflight_file(const char *setting, const char *path)
{
	if (path[0] != '\0' && eaccess(path, R_OK) == -1)
		log_fault(setting, path, errno);
}

void
preflight_log(const struct config *cfg)
{
	struct stat st;
	int result;

	if (cfg->log_file[0] == '\0')
		return;
	if (stat(cfg->log_file, &st) == 0 && S_ISDIR(st.st_mode)) {
		log_fault("[log] file", cfg->log_file, EISDIR);
		return;
	}
	result = eaccess(cfg->log_file, W_OK);
	if (result == -1 && errno == ENOENT)
		result = check_folder_above(cfg->log_file);
	if (result == -1)
		log_fault("[log] file", cfg->log_file, errno);
}

void
preflight_cluster(const struct config *cfg)
{
	const char *path = cfg->cluster_password_file;
	struct stat st;

	if (cfg->cluster_exposed)
		log_warnx("[cluster] redis has a password, and every user of this machine can read "
			  "its file; chmod o-r keeps them out, or use password_file");
	/* the other programs need not be able to read it */
	if (path[0] != '\0' && stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_errx("[cluster] password_file: every user of this machine can read %s; "
			 "chmod o-r keeps them out",
		    path);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* The folder must be there, and what has the name already must be a socket, which is replaced. */
static void
check_socket_path(const char *setting, const char *path, bool as_ours)
{
	struct stat st;

	if (strlen(path) > LISTEN_PATH_MAX)
		log_fault(setting, path, ENAMETOOLONG);
	else if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		log_errx("%s: %s: it exists, and is not a socket", setting, path);
	else if (check_folder_above(path) == -1 && (as_ours || errno == ENOENT))
		log_fault(setting, path, errno);
}

void
preflight_addresses(const char *setting, const char *addresses, bool as_ours)
{
	struct slice rest = slice_of(addresses), word;
	char text[LISTEN_ADDRESS_MAX + 1];

	if (!listen_is_addresses(addresses, &word)) {
		log_errx("%s: %.*s is not host:port or unix:/path", setting, (int)word.n, word.p);
		return;
	}
	if (slice_is(rest, "") || rest.p[strspn(rest.p, " ")] == '\0')
		log_errx("%s names no address", setting);
	while (listen_cut_address(&rest, &word)) {
		memcpy(text, word.p, word.n);
		text[word.n] = '\0';
		if (strncmp(text, "unix:", 5) == 0)
			check_socket_path(setting, text + 5, as_ours);
		else
			listen_try(setting, text, as_ours);
	}
}
