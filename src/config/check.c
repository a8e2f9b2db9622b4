/* What Mesos' seccomp isolator asks of a host before it starts, in its order and words. */
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <callgate/facts.h>

#include "config/parts.h"
#include "profile/rules.h"

#define CHAIN    "Failed to create a containerizer: Could not create MesosContainerizer: "
#define ISOLATOR CHAIN "Failed to create isolator 'linux/seccomp': "

int gate_settings_check(const struct gate_settings *s, struct gate_err *err)
{
	uint32_t bits = 0;

	if (gate_isolation_read(gate_settings_get(s, "isolation"), &bits, err) < 0)
		return -1;
	if ((bits & 1U << GATE_ISOLATE_SECCOMP) != 0) {
		if (geteuid() != 0)
			return GATE_FAIL(err, GATE_E_DENIED,
			                 ISOLATOR "Linux Seccomp isolator requires root permissions");
		/* A kernel that can would read the program, at NULL. */
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno != EFAULT)
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, ISOLATOR "Seccomp is not supported by the kernel");
		if (gate_settings_get(s, "seccomp_config_dir") == NULL)
			return GATE_FAIL(err, GATE_E_INVALID, ISOLATOR "Missing required `--seccomp_config_dir` flag");
	}
	if (geteuid() != 0)
		return GATE_FAIL(err, GATE_E_DENIED, "the agent needs root: it starts tasks for other users");
	return 0;
}

/* Mesos joins by text: one slash between. */
static void joined(const struct gate_settings *s, char *ret, size_t size)
{
	const char *dir = gate_settings_get(s, "seccomp_config_dir"),
		   *name = gate_settings_get(s, "seccomp_profile_name");
	size_t len = strlen(dir);

	(void)snprintf(ret, size, "%.*s/%s", (int)(len > 0 && dir[len - 1] == '/' ? len - 1 : len), dir,
	               name + (name[0] == '/'));
}

static int parse(const struct gate_settings *s, const char *path, const char *text, size_t len, struct gate_err *err)
{
	enum gate_engine engine = gate_settings_on(s, "mesos-dialect") ? GATE_ENGINE_MESOS : GATE_ENGINE_NATIVE;
	struct gate_profile *profile = NULL;
	struct gate_rules *rules = NULL;
	struct gate_facts facts = { 0 };
	int rc;

	if (gate_facts_host(&facts, err) < 0)
		return -1;
	facts.caps = s->caps;
	rc = gate_profile_read(path, text, len, engine, NULL, &profile, err);
	if (rc == 0)
		rc = gate_profile_resolve(profile, &facts, NULL, &rules, err);
	gate_rules_free(rules);
	gate_profile_free(profile);
	return rc;
}

int gate_settings_check_profile(const struct gate_settings *s, const char *text, size_t len, const char *read_error,
                                struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;
	char path[300];

	if (gate_settings_get(s, "seccomp_profile_name") == NULL)
		return 0;
	joined(s, path, sizeof(path));
	if (read_error != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, ISOLATOR "Failed to read Seccomp profile file '%.120s': %.160s",
		                 path, read_error);
	if (parse(s, path, text, len, &mine) == 0)
		return 0;
	if (mine.line != 0)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 ISOLATOR "Failed to parse Seccomp profile '%.120s': %u:%u: %.200s", path, mine.line,
		                 mine.column, mine.text);
	return GATE_FAIL(err, GATE_E_INVALID, ISOLATOR "Failed to parse Seccomp profile '%.120s': %.200s", path,
	                 mine.text);
}
