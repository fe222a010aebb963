#include "shared/base/config_reload.h"

#include <stdio.h>
#include <string.h>

#include "shared/base/config_table.h"

static void
add_name(char names[CONFIG_NAMES_MAX], const char *section, const char *key)
{
	static const char more[] = ", ...";
	size_t n = strlen(names);
	char name[128];
	int name_n = snprintf(name, sizeof(name), "%s[%s]%s%s", n == 0 ? "" : ", ", section,
	    key[0] == '\0' ? "" : " ", key);

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

/* They are in no table: sections with a name have lines instead of keys. */
static bool
has_same_relays(const struct config *a, const struct config *b)
{
	bool same = a->relays_n == b->relays_n;

	for (size_t i = 0; same && i < a->relays_n; i++) {
		const struct config_relay *x = &a->relays[i], *y = &b->relays[i];

		same = strcmp(x->ns, y->ns) == 0 && strcmp(x->event, y->event) == 0 &&
		       x->events == y->events && x->bytes == y->bytes && x->to_all == y->to_all &&
		       x->is_volatile == y->is_volatile;
	}
	return same;
}

static void
copy_relays(struct config *to, const struct config *from)
{
	memcpy(to->relays, from->relays, sizeof(to->relays));
	to->relays_n = from->relays_n;
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
			add_name(changes->waiting, row->section, row->key);
		} else {
			copy_field(merged, read, row);
			add_name(changes->taken, row->section, row->key);
		}
	}
	if (!has_same_relays(in_force, read)) {
		copy_relays(merged, read);
		add_name(changes->taken, "relay", "");
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
	copy_relays(to, from);
}
