/* Every allocation of reading, resolving and drawing fails in turn, once and for ever: no crash, no leak (under the
 * sanitizers), outputs untouched, and the error says what happened. */
#include "common.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long countdown = -1; /* < 0: nothing fails */
static bool for_ever, fired;

static bool fails(void)
{
	if (countdown < 0)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	fired = true;
	if (!for_ever)
		countdown = -1;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static const char text[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
    "[\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}], \"sycalls\": 1, \"syscalls\": ["
    "{\"names\": [\"read\", \"write\", \"socket\", \"nonsense\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, "
    "\"excludes\": {}},"
    "{\"name\": \"getpid\", \"action\": \"SCMP_ACT_LOG\"},"
    "{\"names\": [\"clone\", \"socket\"], \"action\": \"SCMP_ACT_TRAP\", \"args\": [{\"index\": 0, \"value\": 2080505856, "
    "\"valueTwo\": 7, \"op\": \"SCMP_CMP_GT\"}, {\"index\": 1, \"value\": 4294967296, \"valueTwo\": 0, \"op\": "
    "\"SCMP_CMP_NE\"}], \"includes\": {\"caps\": [\"CAP_CHOWN\"], \"arches\": [\"amd64\"]}, \"excludes\": {\"caps\": "
    "[\"CAP_SYS_ADMIN\"]}}]}";

/* True when everything succeeded. */
static bool run(enum gate_engine engine)
{
	static const struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .caps = GATE_CAPS_ALL & ~(UINT64_C(1) << 21),
		                                 .kernel = { 6, 1 } };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_findings *f = NULL;
	struct gate_profile *p = NULL;
	struct gate_rules *r = NULL;
	struct gate_space *space = NULL;
	gate_policy policy = 77;
	bool ok = gate_findings_new(&f, &err) == 0 &&
	          gate_profile_read("t.json", text, sizeof(text) - 1, engine, f, &p, &err) == 0 &&
	          gate_profile_resolve(p, &facts, f, &r, &err) == 0 && gate_space_new(NULL, &space, &err) == 0 &&
	          gate_rules_policy(r, space, &policy, &err) == 0;

	countdown = -1;
	if (!ok) {
		assert_true(fired);
		assert_int_equal(err.code, GATE_E_NOMEM);
		assert_int_equal(policy, 77);
		assert_true(p != NULL || r == NULL);
	}
	gate_space_free(space);
	gate_rules_free(r);
	gate_profile_free(p);
	gate_findings_free(f);
	return ok;
}

static void every_allocation_may_fail(void **state)
{
	static const enum gate_engine engines[] = { GATE_ENGINE_NATIVE, GATE_ENGINE_DOCKER, GATE_ENGINE_CRUN };
	long failures = 0;

	(void)state;
	for (size_t e = 0; e < GATE_ARRAY_LEN(engines); e++) {
		for (int ever = 0; ever < 2; ever++) {
			for (long n = 0;; n++) {
				for_ever = ever != 0;
				fired = false;
				countdown = n;
				if (run(engines[e]) && !fired)
					break;
				failures++;
				assert_true(n < 100000);
			}
		}
	}
	assert_true(failures > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
