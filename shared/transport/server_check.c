/* server_check: what a start would find wrong with the configuration, without starting. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/action/token_keys.h"
#include "shared/app/module.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/hook/hook.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_keys.h"

int
server_check_transports(const struct config *cfg, unsigned *enabled)
{
	struct slice rest = slice_of(cfg->transports), name;

	while (slice_cut(&rest, ',', &name)) {
		enum transport_id id = route_transport_by_name(name);

		if (id == TRANSPORT_NONE) {
			log_errx("[protocol] transports: unknown transport \"%.*s\"", (int)name.n,
			    name.p);
			return -1;
		}
		*enabled |= 1u << id;
	}
	return 0;
}

static bool
has_publish_keys(const struct config *cfg)
{
	char path[PUBLISH_KEYS_PATH_MAX];

	publish_keys_path(path, cfg->data);
	return cfg->publish_keys[0] != '\0' || access(path, F_OK) == 0;
}

void
server_check_unused(const struct config *cfg)
{
	if (cfg->publish_enabled && !has_publish_keys(cfg))
		log_warnx("[publish] enabled is true, but there are no keys: only health and ready "
			  "can be called; `pollux key new` makes one");
	if (!cfg->publish_enabled && cfg->publish_keys[0] != '\0')
		log_warnx("[publish] keys have no effect: enabled is false");
	if (cfg->hook_url[0] == '\0' && cfg->hook_secret[0] != '\0')
		log_warnx("[hook] secret has no effect: url is empty");
}

/* A site may have the client's files elsewhere, and then needs no folder: only a warning. */
static void
check_client_folder(const char *folder)
{
	char path[CONFIG_PATH_MAX + 16];

	if (folder[0] == '\0')
		return;
	snprintf(path, sizeof(path), "%s/socket.io.js", folder);
	if (access(path, R_OK) == -1)
		log_warn("[client] folder: %s", path);
}

int
server_check_linked(const struct config *cfg)
{
	if (cfg->hook_url[0] == '\0' || !module_is_linked())
		return 0;
	log_errx("[hook] url: this program has an application of its own (make bundle APP=), and "
		 "cannot have a web hook");
	return -1;
}

static void
check_application(const struct config *cfg)
{
	/* opening asks nothing yet */
	if (cfg->hook_url[0] != '\0' && server_check_linked(cfg) == 0)
		application_close(hook_open(cfg));
	else if (cfg->module[0] != '\0')
		module_check(cfg->module);
}

int
server_check_reload(const struct config *cfg)
{
	struct publish_keys *keys = publish_keys_open(cfg->publish_keys, NULL);
	struct token_keys *token_keys = token_keys_open(cfg->jwt_secret, cfg->jwt_public_key);
	struct application *hook = NULL;
	int result = 0;

	if (keys == NULL || token_keys == NULL)
		result = -1;
	publish_keys_close(keys);
	token_keys_close(token_keys);
	if (cfg->hook_url[0] != '\0' && (hook = hook_open(cfg)) == NULL)
		result = -1;
	application_close(hook);
	if (result == 0)
		server_check_unused(cfg);
	return result;
}

void
server_check(const struct config *cfg)
{
	unsigned enabled = 0;

	server_check_transports(cfg, &enabled);
	/* also if they are not enabled yet */
	publish_keys_close(publish_keys_open(cfg->publish_keys, NULL));
	token_keys_close(token_keys_open(cfg->jwt_secret, cfg->jwt_public_key));
	check_application(cfg);
	preflight_data(cfg);
	preflight_cluster(cfg);
	check_client_folder(cfg->client_folder);
	server_check_unused(cfg);
}
