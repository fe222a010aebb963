#include "cli/users.h"

#include <ctype.h>
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

const char *
users_name(uid_t uid, char text[64])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		snprintf(text, 64, "%.60s", pw->pw_name);
	else
		snprintf(text, 64, "user %u", (unsigned)uid);
	return text;
}

static bool
is_web_server(const char *pid)
{
	static const char *const names[] = {"apache2", "httpd", "nginx", "lighttpd", "litespeed"};
	char path[64], name[32] = "";
	FILE *file;
	bool is = false;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) != NULL)
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is = is || strcmp(name, names[i]) == 0;
	return is;
}

uid_t
users_of_process(const char *pid)
{
	char path[64];
	struct stat sb;

	snprintf(path, sizeof(path), "/proc/%.20s", pid);
	return stat(path, &sb) == 0 ? sb.st_uid : USERS_UNKNOWN;
}

uid_t
users_web(void)
{
	DIR *proc = opendir("/proc");
	uid_t found = USERS_UNKNOWN;
	const struct dirent *e;

	while (proc != NULL && found == USERS_UNKNOWN && (e = readdir(proc)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) && is_web_server(e->d_name) &&
		    users_of_process(e->d_name) != 0)
			found = users_of_process(e->d_name);
	if (proc != NULL)
		closedir(proc);
	return found;
}

bool
users_may_write(const struct stat *sb, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (sb->st_uid == uid)
		return (sb->st_mode & 0300) == 0300;
	if (pw != NULL && pw->pw_gid == sb->st_gid)
		return (sb->st_mode & 0030) == 0030;
	return (sb->st_mode & 0003) == 0003;
}
