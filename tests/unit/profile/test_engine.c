/* What engines make of a profile, row by row; that libseccomp itself agrees is the partner test's business. */
#include "common.h"

#define TOP(action, rules)                                                                                   \
	"{\"defaultAction\": \"SCMP_ACT_" action "\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"], " \
	"\"syscalls\": [" rules "]}"
#define R(name, action, more) "{\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_" action "\"" more "}"
#define ARGS(list) ", \"args\": [" list "]"
#define A(i, op, v) "{\"index\": " #i ", \"op\": \"SCMP_CMP_" #op "\", \"value\": " #v "}"
#define N ", "
#define E(n) (GATE_RET_ERRNO | (n))

static const struct row {
	const char *why;
	enum gate_engine engine;
	const char *profile;
	uint32_t audit, nr;
	uint64_t a0, a1;
	uint32_t verdict;
} rows[] = {
	{ "the first rule without conditions wins", GATE_ENGINE_DOCKER, TOP("ERRNO", R("read", "ALLOW", "") N R("read", "TRAP", "")),
	  X86_64, 0, 0, 0, GATE_RET_ALLOW },
	{ "and erases conditions in front of it", GATE_ENGINE_DOCKER,
	  TOP("ERRNO", R("read", "TRAP", ARGS(A(0, EQ, 0))) N R("read", "ALLOW", "")), X86_64, 0, 0, 0, GATE_RET_ALLOW },
	{ "an entry that equals the default is skipped", GATE_ENGINE_DOCKER,
	  TOP("ERRNO", R("read", "ERRNO", "") N R("read", "ALLOW", "")), X86_64, 0, 0, 0, GATE_RET_ALLOW },
	{ "an int is compared on 64 bits", GATE_ENGINE_DOCKER, TOP("ERRNO", R("socket", "ALLOW", ARGS(A(0, EQ, 1)))), X86_64, 41,
	  0x100000001, 0, E(1) },
	{ "of overlapping conditions the larger value of the same kind is first", GATE_ENGINE_CRUN,
	  TOP("ERRNO", R("read", "TRAP", ARGS(A(0, GT, 5))) N R("read", "ALLOW", ARGS(A(0, GT, 9)))), X86_64, 0, 10, 0,
	  GATE_RET_ALLOW },
	{ "equality comes before order", GATE_ENGINE_CRUN,
	  TOP("ERRNO", R("read", "TRAP", ARGS(A(0, GT, 5))) N R("read", "ALLOW", ARGS(A(0, EQ, 10)))), X86_64, 0, 10, 0,
	  GATE_RET_ALLOW },
	{ "the later argument comes first", GATE_ENGINE_CRUN,
	  TOP("ERRNO", R("read", "TRAP", ARGS(A(0, EQ, 1))) N R("read", "ALLOW", ARGS(A(1, EQ, 1)))), X86_64, 0, 1, 1,
	  GATE_RET_ALLOW },
	{ "runc answers ENOSYS above the highest number", GATE_ENGINE_DOCKER, TOP("ERRNO", R("read", "ALLOW", "") N
	  R("openat2", "ALLOW", "")), X86_64, 438, 0, 0, E(38) },
	{ "a hole below keeps the default", GATE_ENGINE_DOCKER, TOP("ERRNO", R("openat2", "ALLOW", "")), X86_64, 436, 0, 0, E(1) },
	{ "also when the default kills", GATE_ENGINE_DOCKER, TOP("KILL", R("read", "ALLOW", "")), X86_64, 1, 0, 0, E(38) },
	{ "not when it allows", GATE_ENGINE_DOCKER, TOP("ALLOW", R("read", "TRAP", "")), X86_64, 1, 0, 0, GATE_RET_ALLOW },
	{ "crun has no such stub", GATE_ENGINE_CRUN, TOP("ERRNO", R("read", "ALLOW", "")), X86_64, 438, 0, 0, E(1) },
	{ "podman runs crun", GATE_ENGINE_PODMAN, TOP("ERRNO", R("read", "ALLOW", "")), X86_64, 438, 0, 0, E(1) },
	{ "an architecture that is not covered kills the thread", GATE_ENGINE_DOCKER, TOP("ERRNO", R("read", "ALLOW", "")),
	  0xc00000b7, 0, 0, 0, GATE_RET_KILL_THREAD },
	{ "so does x32", GATE_ENGINE_CRUN, TOP("ERRNO", R("read", "ALLOW", "")), X86_64, 0x40000000, 0, 0, GATE_RET_KILL_THREAD },
	{ "but the number -1 passes its test", GATE_ENGINE_CRUN, TOP("ERRNO", R("read", "ALLOW", "")), X86_64, 0xffffffff, 0, 0,
	  E(1) },
	{ "runc's stub sees numbers with bit 31 alone first", GATE_ENGINE_DOCKER, TOP("ERRNO", R("read", "ALLOW", "")), X86_64,
	  0x80000000, 0, 0, E(38) },
	{ "socketcall gets a companion", GATE_ENGINE_CRUN, TOP("ERRNO", R("connect", "ALLOW", "")), I386, 102, 3, 0, GATE_RET_ALLOW },
	{ "in which the test of the first argument is lost", GATE_ENGINE_CRUN,
	  TOP("ERRNO", R("socket", "ALLOW", ARGS(A(0, EQ, 2)))), I386, 102, 1, 0, GATE_RET_ALLOW },
	{ "containerd drops conditions of capabilities", GATE_ENGINE_CONTAINERD,
	  TOP("ERRNO", R("bpf", "ALLOW", ", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}")), X86_64, 321, 0, 0, GATE_RET_ALLOW },
	{ "docker does not", GATE_ENGINE_DOCKER,
	  TOP("ERRNO", R("openat2", "ALLOW", "") N R("bpf", "ALLOW", ", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}")), X86_64,
	  321, 0, 0, E(1) },
	{ "docker knows minKernel", GATE_ENGINE_DOCKER,
	  TOP("ERRNO", R("openat2", "ALLOW", "") N R("bpf", "ALLOW", ", \"includes\": {\"minKernel\": \"9.0\"}")), X86_64, 321, 0,
	  0, E(1) },
	{ "podman does not", GATE_ENGINE_PODMAN,
	  TOP("ERRNO", R("openat2", "ALLOW", "") N R("bpf", "ALLOW", ", \"includes\": {\"minKernel\": \"9.0\"}")), X86_64, 321, 0,
	  0, GATE_RET_ALLOW },
	{ "containerd drops `name`", GATE_ENGINE_CONTAINERD, TOP("ERRNO", "{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}"),
	  X86_64, 0, 0, 0, E(1) },
	{ "podman reads errno words", GATE_ENGINE_PODMAN, TOP("ALLOW", R("read", "ERRNO", ", \"errno\": \"ENOENT\"")), X86_64, 0, 0,
	  0, E(2) },
	{ "docker does not", GATE_ENGINE_DOCKER, TOP("ALLOW", R("read", "ERRNO", ", \"errno\": \"ENOENT\"")), X86_64, 0, 0, 0,
	  E(1) },
};

static void every_row_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_facts f = host();
		struct gate_profile *p = read_as(rows[i].profile, rows[i].engine);
		struct gate_rules *r = resolved(p, &f);
		struct gate_data d = { .nr = rows[i].nr, .arch = rows[i].audit, .args = { rows[i].a0, rows[i].a1 } };
		uint32_t got = gate_rules_find(r, &d, NULL)->action;

		if (got != rows[i].verdict)
			fail_msg("%s: %#x, expected %#x\n%s", rows[i].why, got, rows[i].verdict, rows[i].profile);
		gate_rules_free(r);
		gate_profile_free(p);
	}
}

static const struct {
	enum gate_engine engine;
	const char *profile, *error;
} refused[] = {
	{ GATE_ENGINE_DOCKER, TOP("ERRNO", R("read", "ALLOW", ARGS(A(0, EQ, 1))) N R("read", "TRAP", ARGS(A(0, EQ, 1)))),
	  "error adding seccomp rule for syscall read: file exists" },
	{ GATE_ENGINE_CRUN, TOP("ERRNO", R("read", "ALLOW", ARGS(A(0, EQ, 1))) N R("read", "TRAP", ARGS(A(0, EQ, 1)))),
	  "the rules for 'read' have the same condition and another action: libseccomp says 'file exists'" },
	{ GATE_ENGINE_DOCKER, TOP("ERRNO", R("write", "NOTIFY", "")), "SCMP_ACT_NOTIFY cannot be used for the write syscall" },
	{ GATE_ENGINE_DOCKER, TOP("ERRNO", R("mount", "NOTIFY", "")), "seccomp listenerPath is not set" },
};

static void what_a_launch_would_refuse_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(refused); i++) {
		struct gate_facts f = host();
		struct gate_profile *p = read_as(refused[i].profile, refused[i].engine);
		struct gate_rules *r = NULL;
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_profile_resolve(p, &f, NULL, &r, &err), -1);
		assert_null(r);
		assert_string_equal(err.text, refused[i].error);
		assert_true(err.line != 0);
		gate_profile_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_holds),
		cmocka_unit_test(what_a_launch_would_refuse_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
