#include "linkd/stream_reply.h"

#include <string.h>

#include "linkd/stream_id.h"

/* [[key, entries]] */
const redisReply *
stream_reply_entries(const redisReply *reply, const char *key)
{
	const redisReply *stream;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
		return NULL;
	stream = reply->element[0];
	if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
	    stream->element[1]->type != REDIS_REPLY_ARRAY ||
	    stream->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(stream->element[0]->str, key) != 0)
		return NULL;
	return stream->element[1];
}

/* [id, [field, value, ..]] */
bool
stream_reply_entry(const redisReply *entry, const char **id, struct slice *bytes)
{
	const redisReply *fields;

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
	    entry->element[0]->type != REDIS_REPLY_STRING)
		return false;
	*id = entry->element[0]->str;
	*bytes = (struct slice){NULL, 0};
	fields = entry->element[1];
	if (fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 &&
	    fields->element[0]->type == REDIS_REPLY_STRING &&
	    fields->element[1]->type == REDIS_REPLY_STRING &&
	    strcmp(fields->element[0]->str, "d") == 0)
		*bytes = (struct slice){fields->element[1]->str, fields->element[1]->len};
	return stream_id_is(*id);
}

/* [name, value, ..] */
const char *
stream_reply_last_id(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY)
		return NULL;
	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		const redisReply *name = reply->element[i], *value = reply->element[i + 1];

		if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
		    strcmp(name->str, "last-generated-id") == 0)
			return stream_id_is(value->str) ? value->str : NULL;
	}
	return NULL;
}
