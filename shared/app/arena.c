/* Memory that lives until the outermost handler returns. */
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"

void *
arena_alloc(struct sio_app *app, size_t n)
{
	struct arena_block *block = calloc(1, sizeof(*block) + n);

	if (block == NULL)
		return NULL;
	block->next = app->arena;
	app->arena = block;
	return block->bytes;
}

const char *
arena_copy(struct sio_app *app, struct slice text)
{
	char *copy = text.p == NULL ? NULL : arena_alloc(app, text.n + 1);

	if (copy != NULL && text.n > 0)
		memcpy(copy, text.p, text.n);
	return copy;
}

const char *
arena_keep(struct sio_app *app, char *text)
{
	const char *copy = arena_copy(app, slice_of(text));

	free(text);
	return copy;
}

struct buf *
arena_buf(struct sio_app *app)
{
	struct arena_buf *b = arena_alloc(app, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->next = app->bufs;
	app->bufs = b;
	return &b->buf;
}

void
arena_free(struct sio_app *app)
{
	struct arena_block *block;

	for (; app->bufs != NULL; app->bufs = app->bufs->next)
		buf_free(&app->bufs->buf);
	while ((block = app->arena) != NULL) {
		app->arena = block->next;
		free(block);
	}
}
