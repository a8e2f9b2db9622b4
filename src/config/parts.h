/* parts.h - the inside of settings, shared by the files of this layer. */
#ifndef GATE_CONFIG_PARTS_H
#define GATE_CONFIG_PARTS_H

#include "config/config.h"

#define GATE_CONFIG_FILE  "/etc/callgate/agent.yaml"
#define GATE_SECCOMP_DIR  "/etc/callgate/seccomp"
#define GATE_SECCOMP_NAME "default.json"

enum gate_origin {
	GATE_ORIGIN_NONE = 0,
	GATE_ORIGIN_DEFAULT,
	GATE_ORIGIN_FILE,
	GATE_ORIGIN_ENVIRONMENT,
	GATE_ORIGIN_FLAG
};

struct gate_value {
	const struct gate_flag *flag;
	const char *text; /* NULL: none */
	enum gate_origin origin;
};

struct gate_settings {
	struct gate_arena arena;
	struct gate_value *values; /* every flag, in the order of the lists */
	size_t n;
	const char **notes;
	size_t n_notes, cap_notes;
	struct gate_listen listen;
	int enabled;               /* mesos_seccomp_enabled: -1 not said, 0, 1 */
	const char *mesos_profile; /* mesos_seccomp_profile_name; NULL: not said */
	uint64_t caps;             /* of the mother */
	bool measured;             /* resources were not said */
	bool finished;
};

struct gate_value *gate_settings_value(const struct gate_settings *s, const char *name); /* NULL: no such flag */
int gate_settings_note(struct gate_settings *s, struct gate_err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A value by its flag's kind; says nothing of where it came from. */
int gate_setting_check(const struct gate_flag *flag, const char *text, struct gate_err *err);
/* The value to be kept, from whatever said it: file:// is read, lists are put together. */
int gate_settings_take(struct gate_settings *s, struct gate_value *v, enum gate_origin origin, const char *text,
                       struct gate_err *err);

/* rules.c: the two lists of objects. `d` may be of either language; errors have its places. */
int gate_acl_read(const struct gate_doc *d, struct gate_arena *arena, struct gate_acl **ret, size_t *n,
                  struct gate_err *err);
/* *limited: somebody may not. A text may be "nobody" or "anyone". */
int gate_may_read(const struct gate_doc *d, struct gate_arena *arena, struct gate_may **ret, size_t *n, bool *limited,
                  struct gate_err *err);
/* The same of a flag's text. */
int gate_acl_parse(const char *text, struct gate_arena *arena, struct gate_acl **ret, size_t *n, struct gate_err *err);
int gate_may_parse(const char *text, struct gate_arena *arena, struct gate_may **ret, size_t *n, bool *limited,
                   struct gate_err *err);

int gate_capabilities_parse(const char *text, uint64_t *ret, struct gate_err *err);

#endif
