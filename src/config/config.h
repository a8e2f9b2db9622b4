/* config.h - the agent's settings: flags, MESOS_* variables and /etc/callgate/agent.yaml, as one list.
 *
 * A flag wins over a variable, a variable over the file. Names are Mesos' where Mesos has one; '-' and '_' are the same in
 * them. Values may be "file:///PATH": what the file says. A value that is not understood ends the start, with the place
 * that said it. The mother makes the list (struct gate_settings), sends it to the front as bytes, and both make the same
 * struct gate_config of it. */
#ifndef GATE_CONFIG_CONFIG_H
#define GATE_CONFIG_CONFIG_H

#include "agent/agent.h"
#include "spec/spec.h"

enum gate_setting_kind {
	GATE_SETTING_TEXT = 1,
	GATE_SETTING_SWITCH, /* "true" or "false"; --name and --no-name */
	GATE_SETTING_LIST,   /* comma; said again it is added to; in the file also a list */
	GATE_SETTING_PATH,   /* absolute */
	GATE_SETTING_PORT,
	GATE_SETTING_DURATION, /* Mesos': "1weeks", "30mins", "5secs" */
	GATE_SETTING_RESOURCES,
	GATE_SETTING_ATTRIBUTES, /* "rack:r1;zone:west" */
	GATE_SETTING_CAPABILITIES,
	GATE_SETTING_ACL,
	GATE_SETTING_MAY
};
struct gate_flag {
	const char *name, *value, *choices, *initial;
	enum gate_setting_kind kind;
	const char *help;
};
enum gate_flag_group { GATE_FLAGS_MESOS, GATE_FLAGS_OURS, GATE_FLAGS_HARMLESS, GATE_FLAGS_GROUPS };
extern const struct gate_flag *const gate_flags[GATE_FLAGS_GROUPS]; /* end with a NULL name */
/* Flags of Mesos' agent that would be missed: refused by name. Ends with a NULL name. */
extern const struct gate_refusal gate_flags_refused[];
/* By its name, '-' and '_' being the same; NULL: there is none. */
const struct gate_flag *gate_flag_find(const char *name, enum gate_flag_group *group);

/* --- collecting (mother) --- */
struct gate_settings;
int gate_settings_new(struct gate_settings **ret, struct gate_err *err);
void gate_settings_free(struct gate_settings *s);
GATE_DEFINE_FREEP(struct gate_settings, gate_settings_free)
/* Of the command line, in its order; a switch has "true" or "false". */
int gate_settings_flag(struct gate_settings *s, const char *name, const char *value, struct gate_err *err);
/* All MESOS_* of an environment. Those that are no flag are noted and not used, as in Mesos. */
int gate_settings_environment(struct gate_settings *s, char *const *variables, struct gate_err *err);
/* The text of agent.yaml; errors begin with "file:line:column: ". */
int gate_settings_yaml(struct gate_settings *s, const char *file, const char *text, size_t len, struct gate_err *err);
/* What --config names, or the default file when it is there: root's, and nobody else may write it. Then checks everything
 * together and fills in what depends (defaults of the directory of profiles, resources and name of the host, capabilities). After
 * this the settings do not change. */
int gate_settings_finish(struct gate_settings *s, struct gate_err *err);
/* The effective value; NULL: none. `name` must be one of the list. */
const char *gate_settings_get(const struct gate_settings *s, const char *name);
bool gate_settings_on(const struct gate_settings *s, const char *name); /* a switch */
/* Lines for the log: what was accepted and does nothing, and why. */
size_t gate_settings_notes(const struct gate_settings *s, const char *const **ret);

/* Where to listen: either may be NULL. `tcp` is "ADDRESS:PORT". */
struct gate_listen {
	const char *unix_path, *tcp;
};
void gate_settings_listen(const struct gate_settings *s, struct gate_listen *ret);

/* --- start-up checks, with Mesos' texts (mother, root) --- */
/* Those of Mesos' seccomp isolator, in its order, when --isolation names it: root, the kernel, the directory. The default
 * profile is checked by gate_settings_check_profile, once the directory can be opened. The error is the fatal chain: "Failed
 * to create a containerizer: …". Root is needed without the isolator too. */
int gate_settings_check(const struct gate_settings *s, struct gate_err *err);
/* The default profile, if there is one, from its text (`read_error`: NULL, or why it could not be read). Parsed as tasks would
 * have it. */
int gate_settings_check_profile(const struct gate_settings *s, const char *text, size_t len, const char *read_error,
                                struct gate_err *err);

/* --- handing over --- */
/* "name=value", each with its NUL: every effective setting and, under names with a dot, what the mother found out. */
int gate_settings_bytes(const struct gate_settings *s, struct gate_buf *out, struct gate_err *err);
/* The same configuration on both sides. Everything belongs to *ret. */
int gate_config_make(const void *bytes, size_t len, struct gate_config **ret, struct gate_err *err);
void gate_config_free(struct gate_config *c);
GATE_DEFINE_FREEP(struct gate_config, gate_config_free)

/* --- words --- */
/* Mesos' durations, in milliseconds: a number and ns us ms secs mins hrs days weeks. */
int gate_duration_parse(const char *text, uint64_t *ms, struct gate_err *err);
/* "cpus:2;mem:1024;disk:100;ports:[31000-32000]", or Mesos' JSON. Names that do not occur keep *ret's value. */
struct gate_resources {
	double cpus;
	uint64_t mem_mib, disk_mib;
	uint16_t port_low, port_high;
};
int gate_resources_parse(const char *text, struct gate_resources *ret, struct gate_err *err);
/* Mesos' list of isolators as bits: names that we have, those whose work another does ("docker/runtime"), those that do
 * nothing unless a task asks for it ("disk/du": such a task is refused; noted). Mesos' texts for unknown and duplicate names. */
int gate_isolation_read(const char *text, uint32_t *ret, struct gate_err *err);
/* Why an accepted isolator does nothing here; NULL: it does something. */
const char *gate_isolation_idle(const char *name, size_t len);

#endif
