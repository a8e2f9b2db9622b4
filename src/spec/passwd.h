/* passwd.h - who a task is, by the passwd and group files of its own root, which are hostile text. Pure.
 *
 * A word of digits alone is a number and never looked up as a name; anything else is a name. Numbers are decimal, without sign
 * or leading zero, up to 4294967294; what is not one is an error and never falls back to 0. */
#ifndef GATE_SPEC_PASSWD_H
#define GATE_SPEC_PASSWD_H

#include "base/arena.h"

#define GATE_PASSWD_BYTES_MAX (4U << 20)
#define GATE_GROUPS_MAX       65536 /* NGROUPS_MAX, setgroups(2) */
#define GATE_ID_MAX           UINT32_C(4294967294)

struct gate_passwd {
	const char *passwd, *group; /* texts; NULL: there is no such file */
	size_t passwd_len, group_len;
	/* The files are the host's: a number without an entry and without ":GROUP" is refused, because as in docker it
	 * would be in group 0, which on the host owns things. */
	bool host;
};

struct gate_identity {
	uint32_t uid, gid;
	const char *name, *home; /* in the arena; name "" when there is no entry; home "/" when none is known */
	uint32_t *groups; /* for setgroups(2), the own one among them, without doubles, ascending; in the arena */
	size_t n_groups;
};

/* `user`: "UID", "UID:GID", "NAME", "NAME:GROUP", … or NULL or "" for root. `add`: --group-add, n_add of them. As docker:
 * without ":GROUP" the supplementary groups are those that list the user's name; with it there are none but `add`.
 * Fails with INVALID (malformed word or entry), NOTFOUND (no such name), LIMIT (files too large, too many groups). */
int gate_identity_find(const struct gate_passwd *files, const char *user, const char *const *add, size_t n_add,
                       struct gate_arena *arena, struct gate_identity *ret, struct gate_err *err);

/* Only the form of "USER[:GROUP]" or of one name or number. */
int gate_user_word_check(const char *user, struct gate_err *err);
int gate_group_word_check(const char *group, struct gate_err *err);

#endif
