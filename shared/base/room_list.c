#include "shared/base/room_list.h"

bool
room_list_is_valid(struct slice words, struct slice *wrong)
{
	struct slice number;
	unsigned n;

	while (words.n > 0 && slice_cut(&words, ',', wrong)) {
		/* a number is wrong, too, where a pattern belongs: another one is missing */
		if (!slice_cut(&words, ',', &number))
			return false;
		if (!slice_number(number, 5, ROOM_LIST_MOST, &n)) {
			*wrong = number;
			return false;
		}
	}
	return true;
}

static bool
matches(struct slice pattern, struct slice ns, struct slice room)
{
	struct slice of = pattern;

	/* names of rooms have colons too: only a namespace begins with a slash */
	if (pattern.n > 0 && pattern.p[0] == '/' && slice_cut(&pattern, ':', &of)) {
		if (pattern.p == NULL) /* there was none */
			pattern = of;
		else if (!slice_equal(of, ns))
			return false;
	}
	return slice_matches(room, pattern);
}

unsigned
room_list_find(const char *list, struct slice ns, struct slice room)
{
	struct slice rest = slice_of(list), pattern, number;
	unsigned n;

	while (rest.n > 0 && slice_cut(&rest, ',', &pattern) && slice_cut(&rest, ',', &number))
		if (matches(pattern, ns, room))
			return slice_number(number, 5, ROOM_LIST_MOST, &n) ? n : 0;
	return 0;
}
