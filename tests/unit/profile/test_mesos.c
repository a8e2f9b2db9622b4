/* Mesos' own parser cases, P1 and P2 of linux_seccomp_parser_tests.cpp, under `mesos:`. */
#include "common.h"

#define RULE "{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, \"excludes\": {}}"
#define TOP(map, rules) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": " map ", \"syscalls\": " rules "}"
#define ARG(index, value, two, op)                                                                           \
	"{\"" index "\": 0, \"" value "\": 2080505856, \"" two "\": 0, \"" op "\": \"SCMP_CMP_MASKED_EQ\"}"
#define ARGS(arg)                                                                                            \
	TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [" arg                \
	          "], \"includes\": {}, \"excludes\": {}}]")

static const char p1[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": ["
    "{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]},"
    "{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]}], \"syscalls\": ["
    "{\"names\": [\"accept\", \"writev\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, \"excludes\": {}},"
    "{\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 2080505856, \"valueTwo\": "
    "0, \"op\": \"SCMP_CMP_MASKED_EQ\"}], \"includes\": {}, \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"arches\": "
    "[\"s390\", \"s390x\"]}}]}";

static void a_profile_of_mesos_is_read_and_decided(void **state)
{
	struct gate_profile *p = read_as(p1, GATE_ENGINE_MESOS);
	struct gate_facts f = host();
	struct gate_rules *r = resolved(p, &f);
	struct gate_data d = { .nr = number(GATE_ARCH_X86_64, "clone"), .arch = X86_64 };

	(void)state;
	assert_int_equal(p->default_action, GATE_RET_ERRNO | 1);
	assert_int_equal(p->n_entries, 2);
	assert_int_equal(p->entries[0].n_args, 0);
	assert_int_equal(p->entries[1].n_args, 1);
	assert_int_equal(p->entries[1].args[0].value, 2080505856);
	assert_int_equal(p->entries[1].excludes.n_caps, 1);
	assert_int_equal(p->entries[1].includes.n_caps, 0);
	assert_int_equal(r->n_tokens, 2); /* x86_64 with x32, x86 */
	assert_int_equal(gate_rules_find(r, &d, NULL)->action, GATE_RET_ALLOW);
	d.args[0] = 0x10000000;
	assert_int_equal(gate_rules_find(r, &d, NULL)->action, GATE_RET_ERRNO | 1);
	d.nr = 0x40000000 | 0;
	assert_int_equal(gate_rules_find(r, &d, NULL)->action, GATE_RET_ERRNO | 1);
	gate_rules_free(r);
	f.caps = GATE_CAPS_ALL;
	r = resolved(p, &f);
	d.nr = number(GATE_ARCH_X86_64, "clone");
	d.args[0] = 0;
	assert_int_equal(gate_rules_find(r, &d, NULL)->action, GATE_RET_ERRNO | 1);
	gate_rules_free(r);
	gate_profile_free(p);
}

static const struct {
	const char *text, *error;
} broken[] = {
	{ "{\"defaultAction!!BUG\": \"SCMP_ACT_ERRNO\", \"archMap\": [], \"syscalls\": []}", "Cannot determine 'defaultAction'" },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap!!BUG\": [], \"syscalls\": []}", "Cannot determine 'archMap'" },
	{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [], \"syscalls!!BUG\": []}", "Cannot determine 'syscalls'" },
	{ "{\"defaultAction\": \"SCMP_ACT_!!BUG\", \"archMap\": [], \"syscalls\": []}",
	  "Unknown syscall action: 'SCMP_ACT_!!BUG'" },
	{ TOP("[{\"architecture\": \"SCMP_ARCH_!!BUG\", \"subArchitectures\": []}]", "[]"),
	  "Unknown architecture: 'SCMP_ARCH_!!BUG'" },
	{ TOP("[{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_!!BUG\"]}]", "[]"),
	  "Unknown architecture: 'SCMP_ARCH_!!BUG'" },
	{ TOP("[{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures!!BUG\": []}]", "[]"),
	  "Cannot determine 'subArchitectures'" },
	{ TOP("[]", "[{\"names!!BUG\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, "
	            "\"excludes\": {}}]"), "Cannot determine 'names'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action!!BUG\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, "
	            "\"excludes\": {}}]"), "Cannot determine 'action'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args!!BUG\": [], \"includes\": {}, "
	            "\"excludes\": {}}]"), "Cannot determine 'args'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes!!BUG\": {}, "
	            "\"excludes\": {}}]"), "Cannot determine 'includes'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, "
	            "\"excludes!!BUG\": {}}]"), "Cannot determine 'excludes'" },
	{ TOP("[]", "[{\"names\": [\"writev!!BUG\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, "
	            "\"excludes\": {}}]"), "Unrecognized syscall 'writev!!BUG'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_!!BUG\", \"args\": [], \"includes\": {}, "
	            "\"excludes\": {}}]"), "Unknown syscall action: 'SCMP_ACT_!!BUG'" },
	{ ARGS(ARG("index!!BUG", "value", "valueTwo", "op")), "Cannot determine 'index'" },
	{ ARGS(ARG("index", "value!!BUG", "valueTwo", "op")), "Cannot determine 'value'" },
	{ ARGS(ARG("index", "value", "valueTwo!!BUG", "op")), "Cannot determine 'valueTwo'" },
	{ ARGS(ARG("index", "value", "valueTwo", "op!!BUG")), "Cannot determine 'op'" },
	{ ARGS("{\"index\": 0, \"value\": 2080505856, \"valueTwo\": 0, \"op\": \"SCMP_CMP_MASKED_EQ!!BUG\"}"),
	  "Unknown operator: 'SCMP_CMP_MASKED_EQ!!BUG'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, \"excludes\": "
	            "{\"arches\": [\"amd64!!SPECTRE\"]}}]"), "Unknown architecture: 'amd64!!SPECTRE'" },
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, \"excludes\": "
	            "{\"caps\": [\"CAP_SYS_ADMIN!!BUG\"]}}]"), "Unknown capability: 'CAP_SYS_ADMIN!!BUG'" },
	/* Not in Mesos' tests: what its library refuses. */
	{ TOP("[]", "[{\"names\": [\"accept\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [], \"includes\": {}, \"excludes\": "
	            "{}}]"), "Failed to add rule for syscall 'accept' with action 'ACT_ERRNO': Permission denied" },
	{ TOP("[]", "[{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [], \"includes\": {}, \"excludes\": {}}]"),
	  "Syscall 'names' list is empty" },
	{ "{}", "Cannot determine 'defaultAction'" },
};

static void every_broken_profile_gets_the_text_of_mesos(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(broken); i++) {
		struct gate_profile *p = NULL;
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_profile_read("t", broken[i].text, strlen(broken[i].text), GATE_ENGINE_MESOS, NULL, &p,
		                                   &err), -1);
		assert_null(p);
		if (strstr(err.text, broken[i].error) == NULL)
			fail_msg("case %zu: '%s' instead of '%s'", i + 1, err.text, broken[i].error);
		assert_true(err.line != 0);
	}
}

static void the_whole_base_profile_is_fine(void **state)
{
	(void)state;
	gate_profile_free(read_as(TOP("[]", "[" RULE "]"), GATE_ENGINE_MESOS));
	gate_profile_free(read_as(ARGS(ARG("index", "value", "valueTwo", "op")), GATE_ENGINE_MESOS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_of_mesos_is_read_and_decided),
		cmocka_unit_test(every_broken_profile_gets_the_text_of_mesos),
		cmocka_unit_test(the_whole_base_profile_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
