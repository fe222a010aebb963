#include "linkd/obituary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long who was first is remembered: all nodes see a death within seconds. */
#define KEEP_S "3600"

struct obituary_case {
	struct obituary *o;
	int number;
	struct node_text dead;
};

static void
obituary_on_get(void *arg, const redisReply *reply)
{
	struct obituary_case *about = arg;
	struct obituary *o = about->o;

	o->asks[about->number] = false;
	/* also ours if we asked in an earlier life: what was told then is not there any more */
	if (reply != NULL && reply->type == REDIS_REPLY_STRING)
		o->done(o->arg, about->number, &about->dead, strcmp(reply->str, o->token) == 0);
	free(about);
}

void
obituary_ask(struct obituary *o, int number, const struct node_text *dead)
{
	struct obituary_case *about;
	char key[256];
	const char *set[] = {"SET", key, o->token, "NX", "EX", KEEP_S, NULL};
	const char *get[] = {"GET", key, NULL};

	if (o->asks[number])
		return;
	about = malloc(sizeof(*about));
	if (about == NULL)
		return; /* the next reading asks again */
	*about = (struct obituary_case){o, number, *dead};
	snprintf(key, sizeof(key), "%s:lost:%s:%s", o->prefix, dead->token, dead->incarnation);
	o->asks[number] = true;
	if (redis_words(o->redis, NULL, NULL, set) == -1 ||
	    redis_words(o->redis, obituary_on_get, about, get) == -1) {
		o->asks[number] = false;
		free(about);
	}
}
