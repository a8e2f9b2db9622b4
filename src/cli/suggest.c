#include "base/num.h"
#include "cli/cli.h"

bool gate_suggest(const char *word, const char *choices, char *ret, size_t size)
{
	const char *best = NULL;
	unsigned least = strlen(word) > 3 ? 3 : 2; /* a short word is near to everything */

	for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL) {
		unsigned d = gate_distance(word, strlen(word), c, strcspn(c, "|"), 2);

		if (d < least) {
			least = d;
			best = c;
		}
	}
	if (best == NULL)
		return false;
	(void)snprintf(ret, size, "%.*s", (int)strcspn(best, "|"), best);
	return true;
}

void gate_suggest_text(const char *word, const char *choices, char *ret, size_t size)
{
	char near[64];

	if (gate_suggest(word, choices, near, sizeof(near)))
		(void)snprintf(ret, size, " (did you mean '%s'?)", near);
	else
		ret[0] = '\0';
}
