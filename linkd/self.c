#include "linkd/self.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/hub/hub.h"
#include "shared/store/slots.h"

/* The name of the host as far as it is made of a-z, 0-9 and hyphens, without its domain. */
static void
self_host_name(char name[NODE_WORD_MAX])
{
	char host[256] = "";
	size_t n = 0;

	(void)gethostname(host, sizeof(host) - 1);
	for (const char *p = host; *p != '\0' && *p != '.' && n < CONFIG_NODE_MAX; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')
			name[n++] = c;
	}
	name[n] = '\0';
	if (n == 0)
		snprintf(name, NODE_WORD_MAX, "node");
}

int
self_open(struct self *s, const struct config *cfg)
{
	struct node_text *t = &s->text;

	*s = (struct self){.cfg = cfg};
	if (node_file_read(cfg, &s->file) == -1 || node_file_random(t->incarnation) == -1)
		return -1;
	node_file_place(cfg, t->place);
	memcpy(t->token, s->file.token, sizeof(t->token));
	snprintf(t->version, sizeof(t->version), "%s", POLLUX_VERSION);
	if (cfg->cluster_node[0] != '\0')
		snprintf(t->name, sizeof(t->name), "%s", cfg->cluster_node);
	else
		self_host_name(t->name);
	return 0;
}

void
self_write(struct self *s, struct store *st, int64_t now_ms, struct buf *out)
{
	struct link_figures figures = link_figures_count(store_slots(st), &s->rates, now_ms);
	struct buf json = {.p = NULL};

	s->text.counter++;
	snprintf(s->text.epoch, sizeof(s->text.epoch), "%s", store_epoch(st));
	link_figures_write(&json, &figures);
	if (!json.failed)
		snprintf(s->text.figures, sizeof(s->text.figures), "%.*s", (int)json.n, json.p);
	buf_free(&json);
	node_text_write(out, &s->text);
}

void
self_keep(struct self *s, int number)
{
	if (s->file.number == number && strcmp(s->file.incarnation, s->text.incarnation) == 0)
		return;
	s->file.number = number;
	memcpy(s->file.incarnation, s->text.incarnation, sizeof(s->file.incarnation));
	(void)node_file_write(s->cfg, &s->file);
}

void
self_begin_anew(struct self *s)
{
	(void)node_file_random(s->text.incarnation);
	s->file.incarnation[0] = '\0';
}
