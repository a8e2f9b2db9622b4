/* profiles.h - the agent's profiles: the config directory, what a task gets of it, and what the operator allows.
 *
 * A profile's name is its file's path below --seccomp_config_dir. Files are opened by the launcher, which checks them; they are
 * read anew for every launch (an edit works at once, for new tasks), parsed and compiled here, without privileges. */
#ifndef GATE_AGENT_PROFILES_H
#define GATE_AGENT_PROFILES_H

#include "agent/agent.h"

/* Mesos' per-container decision and texts, then the operator's policy. */
struct gate_profile_request {
	struct gate_seccomp_choice seccomp;
	const struct gate_task *task; /* its capabilities, user, labels */
	const char *app_path;
	uint32_t rights;
	const struct gate_agent_task *parent; /* nested: its profile is a floor too */
};
/* A proven filter, in `arena`. `name` is "" for none. INVALID with Mesos' text; DENIED by policy: the sentence names the rule, and
 * for a floor a call that it would allow and the floor does not. */
struct gate_profile_decision {
	struct gate_wire_profile profile;
	const char *name;
};
int gate_profiles_decide(struct gate_profiles *p, const struct gate_profile_request *r, struct gate_arena *arena,
                         struct gate_profile_decision *ret, struct gate_err *err);
/* The source of a name, for explaining a refused call: "web.json:40:9"; false when the file's text is not `text_digest` any more. */
bool gate_profiles_place(struct gate_profiles *p, const struct gate_agent_task *t, const struct gate_record_denial *d,
                         char *text, size_t size);

/* What is to be said about each profile of the directory, by severity (an unusable one: an error), as fn(ctx, name, counts). */
struct gate_profile_counts {
	size_t notices, warnings, errors;
};
void gate_profiles_findings(struct gate_profiles *p,
                            void (*fn)(void *ctx, const char *name, const struct gate_profile_counts *n), void *ctx);

int gate_profiles_open(struct gate_agent *a, struct gate_profiles **ret, struct gate_err *err);
void gate_profiles_close(struct gate_profiles *p);
/* GET /api/v1/profiles, /api/v1/profiles/NAME: name, textDigest, meaningDigest, findings, usedBy, olderTasks, default, floor. */
extern const struct gate_http_route gate_profiles_routes[];

#endif
