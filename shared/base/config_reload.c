#include "shared/base/config_reload.h"

#include <stdio.h>
#include <string.h>

#include "shared/base/config_table.h"

static void
add_name(char names[CONFIG_NAMES_MAX], const struct config_row *row)
{
	static const char more[] = ", ...";
	size_t n = strlen(names);
	char name[128];
	int name_n =
	    snprintf(name, sizeof(name), "%s[%s] %s", n == 0 ? "" : ", ", row->section, row->key);

	if (name_n < 0 || (n >= sizeof(more) && strcmp(names + n - sizeof(more) + 1, more) == 0))
		return;
	if (n + (size_t)name_n + sizeof(more) > CONFIG_NAMES_MAX)
		memcpy(names + n, more, sizeof(more));
	else
		memcpy(names + n, name, (size_t)name_n + 1);
}

static void
copy_field(struct config *to, const struct config *from, const struct config_row *row)
{
	memcpy((char *)to + row->offset, (const char *)from + row->offset, row->room);
}

static bool
is_field(const struct config_row *row, size_t offset)
{
	return row->offset == offset;
}

#define IS(row, name) is_field(row, offsetof(struct config, name))

/* Whether the new value, which could change alone, goes with one that waits. */
static bool
has_to_wait(const struct config_row *row, const struct config *in_force, const struct config *read,
    bool times_wait)
{
	/* another kind of application cannot be opened while sessions are there */
	if ((in_force->hook_url[0] == '\0') != (read->hook_url[0] == '\0') &&
	    (IS(row, hook_url) || IS(row, hook_secret)))
		return true;
	/* without addresses of TLS there is no use for it, and with them there must be one */
	if (strcmp(in_force->wsd_tls_listen, read->wsd_tls_listen) != 0 &&
	    (IS(row, wsd_certificate) || IS(row, wsd_key)))
		return true;
	/* clients know the timeouts that these must be shorter than */
	return times_wait && (IS(row, heartbeat_interval_ms) || IS(row, polling_duration_ms));
}

static void
merge_configs(struct config *merged, const struct config *in_force, const struct config *read,
    bool times_wait, struct config_changes *changes)
{
	*merged = *in_force;
	*changes = (struct config_changes){.taken = ""};
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];

		if (config_table_same(row, in_force, read))
			continue;
		if (!row->live || has_to_wait(row, in_force, read, times_wait)) {
			add_name(changes->waiting, row);
		} else {
			copy_field(merged, read, row);
			add_name(changes->taken, row);
		}
	}
}

void
config_reload_merge(struct config *merged, const struct config *in_force, const struct config *read,
    struct config_changes *changes)
{
	char error[CONFIG_ERROR_MAX];

	merge_configs(merged, in_force, read, false, changes);
	/* each alone is consistent: what is not is new intervals with old timeouts */
	if (config_check(merged, error, sizeof(error)) == -1)
		merge_configs(merged, in_force, read, true, changes);
}

void
config_reload_copy(struct config *to, const struct config *from)
{
	for (size_t i = 0; i < config_table_n; i++)
		if (config_table[i].live)
			copy_field(to, from, &config_table[i]);
}
