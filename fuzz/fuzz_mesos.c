/* The operator API's containers: what is accepted is a task that stays within its bounds. */
#include <math.h>

#include "fuzz.h"
#include "spec/mesos.h"

static void check_paths(const struct gate_task *t)
{
	for (size_t i = 0; i < t->volumes.n; i++)
		FUZZ_CHECK(t->volumes.at[i].target[0] == '/' && strstr(t->volumes.at[i].target, "/../") == NULL &&
		           t->volumes.at[i].source[0] == '/');
	for (size_t i = 0; i < t->env.n; i++)
		FUZZ_CHECK(strchr(t->env.at[i], '=') > t->env.at[i]);
	for (size_t i = 0; i < t->limits.n; i++)
		FUZZ_CHECK(t->limits.at[i].soft <= t->limits.at[i].hard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gate_mesos_facts f = { GATE_ISOLATE_ALL, true, "h" };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL;
	struct gate_mesos_launch l;
	struct gate_task t;

	gate_task_init(&t);
	if (gate_doc_read(&arena, (const char *)data, size, &d, &err) == 0) {
		if (gate_mesos_launch_read(d, &f, &t, &l, &err) == 0) {
			FUZZ_CHECK(gate_task_name_ok(l.id.name));
			FUZZ_CHECK(t.args.n > 0 || t.image != NULL);
			FUZZ_CHECK(t.profile == NULL && t.detach);
			FUZZ_CHECK(t.cpu_shares <= 262144 && (t.cpu_quota_us == 0 || t.cpu_quota_us >= 1000));
			FUZZ_CHECK(l.resources.cpus >= 0 && !isinf(l.resources.cpus));
			FUZZ_CHECK((l.id.parent[0] != '\0') == (t.uts.mode == GATE_NS_OF));
			check_paths(&t);
		} else {
			FUZZ_CHECK(err.code != GATE_OK && err.text[0] != '\0');
		}
	}
	gate_task_done(&t);
	gate_arena_done(&arena);
	return 0;
}
