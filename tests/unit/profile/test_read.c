/* What the reader refuses, where, and in which words; what it reports and reads all the same. */
#include "common.h"

#define S(rules) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" rules "]}"
#define RULE(more) S("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"" more "}")
#define COND(text) RULE(", \"args\": [" text "]")

static const struct {
	enum gate_engine engine;
	const char *text, *error, *at; /* `at`: what stands at the place named */
} refused[] = {
	{ GATE_ENGINE_NATIVE, "{}", "profile has no 'defaultAction': nothing says what happens to other calls; only the word "
	                            "'unconfined' runs without a filter", "{}" },
	{ GATE_ENGINE_DOCKER, "{}", "profile has no 'defaultAction': docker runs such a program unconfined, callgate does not; "
	                            "only the word 'unconfined' runs without a filter", "{}" },
	{ GATE_ENGINE_NATIVE, "[]", "a profile is an object, not an array", "[]" },
	{ GATE_ENGINE_NATIVE, "{\"linux\": {\"seccomp\": {}}}",
	  "this is a config.json of a container: the profile is what stands under 'linux.seccomp' (line 1)", "{}}}" },
	{ GATE_ENGINE_NATIVE, "{\"kind\": \"SeccompProfile\",\n\"spec\": {\"defaultAction\": \"SCMP_ACT_LOG\"}}",
	  "this is a SeccompProfile resource of the security-profiles-operator: the profile is what stands under 'spec' (line 2)",
	  NULL },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ALOW\"}",
	  "unknown action 'SCMP_ACT_ALOW' (did you mean 'SCMP_ACT_ALLOW'?)", "\"SCMP_ACT_ALOW\"" },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"ALLOW\"}", "unknown action 'ALLOW' (did you mean 'SCMP_ACT_ALLOW'?)",
	  "\"ALLOW\"" },
	{ GATE_ENGINE_DOCKER, "{\"defaultAction\": \"SCMP_ACT_ALOW\"}",
	  "string SCMP_ACT_ALOW is not a valid action for seccomp", "\"SCMP_ACT_ALOW\"" },
	{ GATE_ENGINE_CRUN, "{\"defaultAction\": \"SCMP_ACT_ALOW\"}", "seccomp get action `SCMP_ACT_ALOW`", NULL },
	{ GATE_ENGINE_DOCKER, "{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}",
	  "SCMP_ACT_NOTIFY cannot be used as default action", NULL },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": 5}", "'defaultAction' must be a string, not a number", "5" },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}",
	  "errno 4096 is above 4095, the most that SCMP_ACT_ERRNO can carry", "4096" },
	{ GATE_ENGINE_DOCKER, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4095}",
	  "errno 4095: libseccomp takes at most 4094 (runc says 'two checks on same syscall argument')", "4095" },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": -1}",
	  "'defaultErrnoRet' must be a plain integer from 0 to 4294967295, not -1", "-1" },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"ENOSUCH\"}",
	  "unknown errno 'ENOSUCH'", "\"ENOSUCH\"" },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"amd64\"]}",
	  "unknown architecture 'amd64' (did you mean 'SCMP_ARCH_X86_64'?)", "\"amd64\"" },
	{ GATE_ENGINE_DOCKER, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_PARISC\"]}",
	  "string SCMP_ARCH_PARISC is not a valid arch for seccomp", NULL },
	{ GATE_ENGINE_CRUN, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"amd64\"]}",
	  "seccomp unknown architecture `amd64`", NULL },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOGG\"]}",
	  "unknown flag 'SECCOMP_FILTER_FLAG_LOGG' (did you mean 'SECCOMP_FILTER_FLAG_LOG'?)", NULL },
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86\"], \"archMap\": "
	                      "[{\"architecture\": \"SCMP_ARCH_X86_64\"}]}",
	  "'architectures' and 'archMap' exclude each other", NULL },
	{ GATE_ENGINE_NATIVE, S("{\"names\": [\"read\"], \"name\": \"write\", \"action\": \"SCMP_ACT_ALLOW\"}"),
	  "entry has both 'name' and 'names'", "\"name\"" },
	{ GATE_ENGINE_DOCKER, S("{\"names\": [\"read\"], \"name\": \"write\", \"action\": \"SCMP_ACT_ALLOW\"}"),
	  "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'", NULL },
	{ GATE_ENGINE_NATIVE, S("{\"names\": [\"read\"]}"), "entry has no 'action'", NULL },
	{ GATE_ENGINE_NATIVE, S("{\"names\": [7], \"action\": \"SCMP_ACT_ALLOW\"}"), "'names' must hold strings, not a number",
	  "7" },
	{ GATE_ENGINE_NATIVE, S("5"), "'syscalls' must hold objects, not a number", "5" },
	{ GATE_ENGINE_NATIVE, COND("{\"index\": 6, \"op\": \"SCMP_CMP_EQ\", \"value\": 1}"),
	  "'index' is 6, but at most 5 is possible", "6" },
	{ GATE_ENGINE_NATIVE, COND("{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": 18446744073709551616}"),
	  "'value' is 18446744073709551616, but at most 18446744073709551615 is possible", "18446744073709551616" },
	{ GATE_ENGINE_NATIVE, COND("{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": 1.0}"),
	  "'value' must be a plain integer from 0 to 18446744073709551615, not 1.0", "1.0" },
	{ GATE_ENGINE_DOCKER, COND("{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": -1}"),
	  "'value' must be a plain integer from 0 to 18446744073709551615, not -1", "-1" },
	{ GATE_ENGINE_NATIVE, COND("{\"index\": 0, \"op\": \"SCMP_CMP_EQUAL\", \"value\": 1}"),
	  "unknown operator 'SCMP_CMP_EQUAL' (did you mean 'SCMP_CMP_EQ'?)", NULL },
	{ GATE_ENGINE_NATIVE, COND("{\"index\": 0, \"value\": 1}"), "condition has no 'op'", NULL },
	{ GATE_ENGINE_NATIVE, COND("{\"op\": \"SCMP_CMP_EQ\", \"value\": 1}"), "condition has no 'index'", NULL },
	{ GATE_ENGINE_NATIVE, COND("{}, {}, {}, {}, {}, {}, {}"),
	  "entry has 7 conditions, but a system call has at most 6 arguments", NULL },
	{ GATE_ENGINE_NATIVE, RULE(", \"includes\": {\"caps\": [\"SYS_ADMIN\"]}"),
	  "unknown capability 'SYS_ADMIN' (did you mean 'CAP_SYS_ADMIN'?)", "\"SYS_ADMIN\"" },
	{ GATE_ENGINE_NATIVE, RULE(", \"includes\": {\"arches\": [\"x86_64\"]}"),
	  "unknown architecture 'x86_64' (did you mean 'amd64'?)", NULL },
	{ GATE_ENGINE_NATIVE, RULE(", \"includes\": {\"minKernel\": \"4.8.1\"}"), "'minKernel' must be two numbers and a dot, such as '4.8', not '4.8.1'", NULL },
	{ GATE_ENGINE_DOCKER, RULE(", \"includes\": {\"minKernel\": \"0.0\"}"), "invalid kernel version: 0.0", NULL },
	{ GATE_ENGINE_NATIVE, RULE(", \"includes\": {\"minKernel\": \"0.0\"}"), "'minKernel' must be two numbers and a dot, such as '4.8', not '0.0'", NULL },
	{ GATE_ENGINE_NATIVE, RULE(", \"includes\": []"), "'includes' must be an object, not an array", "[]" },
	{ GATE_ENGINE_CRUN, RULE(", \"errnoRet\": 1"), "errno value specified for action `SCMP_ACT_ALLOW`", "1" },
	{ GATE_ENGINE_DOCKER, S("{\"names\": [\"\"], \"action\": \"SCMP_ACT_ALLOW\"}"), "empty string is not a valid syscall",
	  NULL },
};

static void every_refusal_says_what_and_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(refused); i++) {
		struct gate_profile *p = NULL;
		struct gate_err err = GATE_ERR_INIT;
		const char *text = refused[i].text;
		struct gate_findings *f = NULL;

		assert_int_equal(gate_findings_new(&f, NULL), 0);
		assert_int_equal(gate_profile_read("t", text, strlen(text), refused[i].engine, NULL, &p, &err), -1);
		assert_null(p);
		if (strcmp(err.text, refused[i].error) != 0)
			fail_msg("'%s' instead of '%s'", err.text, refused[i].error);
		assert_true(err.line != 0);
		if (refused[i].at != NULL)
			assert_memory_equal(text + err.column - 1, refused[i].at, strlen(refused[i].at));
		assert_int_equal(gate_profile_read("t", text, strlen(text), refused[i].engine, f, &p, NULL), -1);
		assert_int_equal(gate_findings_worst(f), GATE_ERROR);
		gate_findings_free(f);
	}
}

static const struct {
	enum gate_engine engine;
	const char *text, *id, *finding;
	enum gate_severity severity;
} reported[] = {
	{ GATE_ENGINE_NATIVE, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"sycalls\": []}", "T34",
	  "unknown key 'sycalls' in the profile (did you mean 'syscalls'?)", GATE_WARNING },
	{ GATE_ENGINE_CONTAINERD, RULE(", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}"), "T1",
	  "containerd does not read 'includes'", GATE_WARNING },
	{ GATE_ENGINE_CRUN, S("{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}"), "T2", "crun does not read 'name'",
	  GATE_WARNING },
	{ GATE_ENGINE_DOCKER, RULE(", \"errno\": \"ENOSYS\""), "T40", "docker does not read 'errno'", GATE_WARNING },
	{ GATE_ENGINE_PODMAN, RULE(", \"includes\": {\"minKernel\": \"4.8\"}"), "T1", "podman does not read 'minKernel'",
	  GATE_WARNING },
	{ GATE_ENGINE_DOCKER, "{\"DefaultAction\": \"SCMP_ACT_ALLOW\"}", "T34",
	  "'DefaultAction' is read as 'defaultAction': Go matches keys without regard to case", GATE_WARNING },
	{ GATE_ENGINE_NATIVE, RULE(", \"errnoRet\": 5"), "T25", "SCMP_ACT_ALLOW carries no errno", GATE_WARNING },
	{ GATE_ENGINE_NATIVE, S("{\"action\": \"SCMP_ACT_ALLOW\"}"), "T34", "entry names no system call", GATE_WARNING },
	{ GATE_ENGINE_DOCKER, RULE(", \"excludes\": {\"caps\": [\"SYS_ADMIN\"]}"), "T33", "unknown capability 'SYS_ADMIN'",
	  GATE_WARNING },
	{ GATE_ENGINE_DOCKER, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 65574}", "T25",
	  "docker keeps 16 bits of 65574: the value becomes 38", GATE_WARNING },
};

static bool has(const struct gate_findings *f, size_t row)
{
	for (size_t i = 0; i < gate_findings_count(f); i++) {
		const struct gate_finding *x = gate_findings_at(f, i);

		if (strcmp(x->id, reported[row].id) == 0 && strcmp(x->text, reported[row].finding) == 0 &&
		    x->severity == reported[row].severity && x->line != 0)
			return true;
	}
	return false;
}

static void what_is_only_strange_is_read_and_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(reported); i++) {
		struct gate_findings *f = NULL;
		struct gate_profile *p = NULL;
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_findings_new(&f, NULL), 0);
		if (gate_profile_read("t", reported[i].text, strlen(reported[i].text), reported[i].engine, f, &p, &err) < 0)
			fail_msg("refused: %s", err.text);
		if (!has(f, i))
			fail_msg("no finding '%s' in %s", reported[i].finding, reported[i].text);
		gate_findings_free(f);
		gate_profile_free(p);
	}
}

static void one_reading_reports_every_error(void **state)
{
	static const char text[] = "{\"defaultAction\": \"X\", \"syscalls\": [{\"names\": [\"read\"], \"action\": \"Y\", \"args\": "
	                           "[{\"index\": 9, \"op\": \"Z\", \"value\": -1}]}, {\"names\": 3, \"action\": \"V\"}]}";
	struct gate_findings *f = NULL;
	struct gate_profile *p = NULL;

	(void)state;
	assert_int_equal(gate_findings_new(&f, NULL), 0);
	assert_int_equal(gate_profile_read("t", text, strlen(text), GATE_ENGINE_NATIVE, f, &p, NULL), -1);
	gate_findings_sort(f);
	assert_int_equal(gate_findings_count(f), 8); /* X, Y, 9, Z, -1, 3, no names, V */
	for (size_t i = 1; i < gate_findings_count(f); i++)
		assert_true(gate_findings_at(f, i - 1)->column <= gate_findings_at(f, i)->column);
	gate_findings_free(f);
}

static void crun_reads_what_strtoull_reads(void **state)
{
	struct gate_profile *p = read_as(COND("{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": -1}"), GATE_ENGINE_CRUN);

	(void)state;
	assert_true(p->entries[0].args[0].value == UINT64_MAX);
	gate_profile_free(p);
	p = read_as("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"x86_64\", \"SCMP_ARCH_X86\"]}", GATE_ENGINE_CRUN);
	assert_int_equal(p->n_architectures, 2);
	gate_profile_free(p);
}

static void flags_absent_and_empty_differ_where_they_do(void **state)
{
	static const struct {
		enum gate_engine engine;
		const char *flags;
		uint32_t bits;
	} rows[] = {
		{ GATE_ENGINE_NATIVE, "", 0 }, { GATE_ENGINE_CRUN, "", 4 }, { GATE_ENGINE_CRUN, ", \"flags\": []", 0 },
		{ GATE_ENGINE_DOCKER, ", \"flags\": []", 4 },
		{ GATE_ENGINE_NATIVE, ", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]", 2 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		char text[256];
		struct gate_facts f = host();

		snprintf(text, sizeof(text), "{\"defaultAction\": \"SCMP_ACT_ALLOW\"%s}", rows[i].flags);
		struct gate_profile *p = read_as(text, rows[i].engine);
		struct gate_rules *r = resolved(p, &f);
		assert_int_equal(r->filter_flags, rows[i].bits);
		gate_rules_free(r);
		gate_profile_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_says_what_and_where),
		cmocka_unit_test(what_is_only_strange_is_read_and_reported),
		cmocka_unit_test(one_reading_reports_every_error),
		cmocka_unit_test(crun_reads_what_strtoull_reads),
		cmocka_unit_test(flags_absent_and_empty_differ_where_they_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
