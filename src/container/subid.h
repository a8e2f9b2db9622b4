/* subid.h - ranges of subordinate ids, from /etc/subuid and /etc/subgid (subuid(5)). */
#ifndef GATE_CONTAINER_SUBID_H
#define GATE_CONTAINER_SUBID_H

#include <sys/types.h>

#include "base/base.h"

#define GATE_SUBUID    "/etc/subuid"
#define GATE_SUBGID    "/etc/subgid"
#define GATE_NEWUIDMAP "/usr/bin/newuidmap"
#define GATE_NEWGIDMAP "/usr/bin/newgidmap"

struct gate_subid {
	uint32_t start, count;
};
/* The first range in `text` ("NAME:START:COUNT" lines) of one of the names. Pure. */
bool gate_subid_parse(const char *text, size_t len, const char *const *names, size_t n, struct gate_subid *ret);
/* The first range of the user, by name or number. */
bool gate_subid_find(const char *file, uid_t uid, struct gate_subid *ret);
/* The range for tasks of --userns=auto: of "callgate", else of "containers", the same in both files. False, and *ret
 * as it was, when there is none. */
bool gate_subid_reserved(struct gate_subid *ret);

#endif
