#include "shared/transport/server_kind.h"

const char *
server_kind_name(int kind)
{
	switch ((enum server_kind)kind) {
	case SERVER_FCGI:
		return "fcgi";
	case SERVER_WSD:
		return "wsd";
	case SERVER_TOOL:
		return "tool";
	case SERVER_LINKD:
		return "linkd";
	}
	return "?";
}
