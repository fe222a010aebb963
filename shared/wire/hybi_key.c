#include "shared/wire/hybi_key.h"

#include <openssl/evp.h>
#include <string.h>

/* The RFC's key has 24 characters; clients that send other lengths are served too. */
#define WEBSOCKET_KEY_MAX 128
#define WEBSOCKET_GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */

int
hybi_key_accept(char accept[HYBI_KEY_ACCEPT_LENGTH + 1], struct slice key)
{
	char text[WEBSOCKET_KEY_MAX + sizeof(WEBSOCKET_GUID)];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (key.n == 0 || key.n > WEBSOCKET_KEY_MAX)
		return -1;
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, WEBSOCKET_GUID, sizeof(WEBSOCKET_GUID));
	if (EVP_Digest(text, key.n + sizeof(WEBSOCKET_GUID) - 1, digest, &n, EVP_sha1(), NULL) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)accept, digest, (int)n);
	return 0;
}
