#include "shared/base/account.h"

#include <errno.h>
#include <link.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64

/* A static program (make bundle APP=) would load the modules that nsswitch.conf names, made for the
 * glibc of that machine, and crash in them.  /etc and DNS are in glibc itself.  Before main(), so
 * that no program can look up a name before this. */
static void __attribute__((constructor)) account_use_own_lookups(void)
{
	static const char *const files[] = {"passwd", "group", "initgroups", "services"};
	/* the linker makes it for dynamic programs only */
	extern ElfW(Dyn) dynamic_section[] __asm__("_DYNAMIC")
	    __attribute__((weak, visibility("hidden")));

	if (dynamic_section != NULL)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)__nss_configure_lookup(files[i], "files");
	(void)__nss_configure_lookup("hosts", "files dns");
}

/* "www-data", or its number. */
static const char *
name_account(char text[NAME_MAX_BYTES], uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw == NULL)
		snprintf(text, NAME_MAX_BYTES, "%ld", (long)uid);
	else
		snprintf(text, NAME_MAX_BYTES, "%s", pw->pw_name);
	return text;
}

/* Cut `path` down to what we may look at.  Return whether there is anything. */
static int
find_visible(char *path, struct stat *st)
{
	char *slash;

	while (stat(path, st) == -1) {
		slash = strrchr(path, '/');
		if (slash == NULL)
			return 0;
		/* the last to try is "/" */
		slash[slash == path] = '\0';
		if (slash == path && stat(path, st) == -1)
			return 0;
	}
	return 1;
}

const char *
account_why(char text[ACCOUNT_WHY_MAX], const char *path, int error)
{
	char owner[NAME_MAX_BYTES], we[NAME_MAX_BYTES], where[ACCOUNT_WHY_MAX / 2];
	const char *state = getenv("STATE_DIRECTORY");
	struct stat st;

	snprintf(text, ACCOUNT_WHY_MAX, "%s", strerror(error));
	/* the unit of another site was copied, or the folder was changed in the configuration */
	if (error == EROFS && state != NULL)
		snprintf(text, ACCOUNT_WHY_MAX,
		    "%s: StateDirectory= of its unit lets this service write to %s",
		    strerror(error), state);
	if (error != EACCES && error != EPERM)
		return text;
	snprintf(where, sizeof(where), "%s", path);
	if (!find_visible(where, &st))
		return text;
	snprintf(text, ACCOUNT_WHY_MAX, "%s: %s belongs to user %s, and we are user %s",
	    strerror(error), where, name_account(owner, st.st_uid), name_account(we, geteuid()));
	return text;
}
