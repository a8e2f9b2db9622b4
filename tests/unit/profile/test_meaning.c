/* The native meaning as a table: one profile, one call, one verdict, and why. Each row is asked of the resolved rules and
 * of the evaluator. */
#include "common.h"

#define ALLOW  GATE_RET_ALLOW
#define LOG    GATE_RET_LOG
#define E(n)   (GATE_RET_ERRNO | (n))
#define KILLP  GATE_RET_KILL_PROCESS
#define DENY(rules) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"], " \
	            "\"syscalls\": [" rules "]}"
#define OPEN(rules) "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\": [" rules "]}"
#define R(name, action, more) "{\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_" action "\"" more "}"
#define ARGS(list) ", \"args\": [" list "]"
#define A(i, op, v) "{\"index\": " #i ", \"op\": \"SCMP_CMP_" #op "\", \"value\": " #v "}"
#define M(i, mask, v) "{\"index\": " #i ", \"op\": \"SCMP_CMP_MASKED_EQ\", \"value\": " #mask ", \"valueTwo\": " #v "}"
#define N ", "

static const struct row {
	const char *why, *profile, *call;
	enum gate_arch arch;
	uint64_t a0, a1;
	uint32_t verdict;
	enum gate_why reason;
} rows[] = {
	/* 1: base and tighter conditions */
	{ "the first rule without conditions is the base", DENY(R("read", "ALLOW", "") N R("read", "KILL_PROCESS", "")),
	  "read", GATE_ARCH_X86_64, 0, 0, ALLOW, GATE_WHY_RULE },
	{ "also when it denies", DENY(R("read", "KILL_PROCESS", "") N R("read", "ALLOW", "")), "read", GATE_ARCH_X86_64, 0, 0,
	  KILLP, GATE_WHY_RULE },
	{ "a condition tightens the base", DENY(R("read", "ALLOW", "") N R("read", "TRAP", ARGS(A(2, EQ, 0)))), "read",
	  GATE_ARCH_X86_64, 0, 0, GATE_RET_TRAP, GATE_WHY_RULE },
	{ "also when it stands in front", OPEN(R("read", "TRAP", ARGS(A(2, EQ, 0))) N R("read", "ALLOW", "")), "read",
	  GATE_ARCH_X86_64, 0, 0, GATE_RET_TRAP, GATE_WHY_RULE },
	{ "a condition cannot loosen the base", DENY(R("read", "TRAP", "") N R("read", "ALLOW", ARGS(A(2, EQ, 0)))), "read",
	  GATE_ARCH_X86_64, 0, 0, GATE_RET_TRAP, GATE_WHY_RULE },
	{ "without a base the strictest matching rule counts",
	  DENY(R("read", "ALLOW", ARGS(A(2, EQ, 0))) N R("read", "LOG", ARGS(A(1, EQ, 0)))), "read", GATE_ARCH_X86_64, 0, 0,
	  LOG, GATE_WHY_RULE },
	{ "none matches: the default", DENY(R("read", "ALLOW", ARGS(A(2, EQ, 7)))), "read", GATE_ARCH_X86_64, 0, 0, E(1),
	  GATE_WHY_DEFAULT },
	{ "between two errnos the first in the file",
	  DENY(R("read", "ERRNO", ", \"errnoRet\": 7" ARGS(A(2, EQ, 0))) N R("read", "ERRNO", ", \"errnoRet\": 9")), "read",
	  GATE_ARCH_X86_64, 0, 0, E(7), GATE_WHY_RULE },
	{ "also when the base is first",
	  DENY(R("read", "ERRNO", ", \"errnoRet\": 9") N R("read", "ERRNO", ", \"errnoRet\": 7" ARGS(A(2, EQ, 0)))), "read",
	  GATE_ARCH_X86_64, 0, 0, E(9), GATE_WHY_RULE },
	{ "a rule that equals the default is a rule like any other",
	  DENY(R("read", "ERRNO", "") N R("read", "ALLOW", "")), "read", GATE_ARCH_X86_64, 0, 0, E(1), GATE_WHY_RULE },
	/* 2: conditions */
	{ "conditions of a rule are ANDed", DENY(R("read", "ALLOW", ARGS(A(0, EQ, 1) N A(1, EQ, 2)))), "read", GATE_ARCH_X86_64,
	  1, 3, E(1), GATE_WHY_DEFAULT },
	{ "a repeated index makes them alternatives", DENY(R("read", "ALLOW", ARGS(A(0, EQ, 1) N A(0, EQ, 2) N A(1, EQ, 9)))),
	  "read", GATE_ARCH_X86_64, 5, 9, ALLOW, GATE_WHY_RULE },
	{ "value is the mask, valueTwo what must be there", DENY(R("mmap", "ALLOW", ARGS(M(0, 6, 4)))), "mmap",
	  GATE_ARCH_X86_64, 0xfd, 0, ALLOW, GATE_WHY_RULE },
	{ "a mask of nothing always holds", DENY(R("mmap", "ALLOW", ARGS(M(0, 0, 4)))), "mmap", GATE_ARCH_X86_64, 1, 0, ALLOW,
	  GATE_WHY_RULE },
	{ "nothing is below 0", DENY(R("mmap", "ALLOW", ARGS(A(0, LT, 0)))), "mmap", GATE_ARCH_X86_64, 0, 0, E(1),
	  GATE_WHY_DEFAULT },
	/* 3: width */
	{ "an int is compared on 32 bits", DENY(R("socket", "ALLOW", ARGS(A(0, EQ, 1)))), "socket", GATE_ARCH_X86_64,
	  0x100000001, 0, ALLOW, GATE_WHY_RULE },
	{ "-1 of an int is -1, however long it was written", DENY(R("socket", "ALLOW", ARGS(A(0, EQ, 18446744073709551615)))),
	  "socket", GATE_ARCH_X86_64, 0xffffffff, 0, ALLOW, GATE_WHY_RULE },
	{ "a size_t on 64", DENY(R("mmap", "ALLOW", ARGS(A(1, EQ, 1)))), "mmap", GATE_ARCH_X86_64, 0, 0x100000001, E(1),
	  GATE_WHY_DEFAULT },
	{ "but on 32 where registers have 32", DENY(R("mmap2", "ALLOW", ARGS(A(1, EQ, 1)))), "mmap2", GATE_ARCH_X86, 0,
	  0x100000001, ALLOW, GATE_WHY_RULE },
	/* 4: age */
	{ "a call younger than the profile", DENY(R("read", "ALLOW", "")), "openat2", GATE_ARCH_X86_64, 0, 0, E(38),
	  GATE_WHY_ENOSYS },
	{ "a call that it could have named", DENY(R("openat2", "ALLOW", "")), "close_range", GATE_ARCH_X86_64, 0, 0, E(38),
	  GATE_WHY_ENOSYS }, /* 5.9 after 5.6, although the number is below */
	{ "an older one", DENY(R("openat2", "ALLOW", "")), "bpf", GATE_ARCH_X86_64, 0, 0, E(1), GATE_WHY_DEFAULT },
	{ "entries that are dropped count for the age",
	  DENY("{\"names\": [\"openat2\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}}"),
	  "openat2", GATE_ARCH_X86_64, 0, 0, E(1), GATE_WHY_DEFAULT },
	{ "a number that no table has", DENY(R("read", "ALLOW", "")), "#5000", GATE_ARCH_X86_64, 0, 0, E(38), GATE_WHY_ENOSYS },
	{ "an open profile says nothing about age", OPEN(R("read", "TRAP", "")), "#5000", GATE_ARCH_X86_64, 0, 0, ALLOW,
	  GATE_WHY_DEFAULT },
	/* 5: architectures */
	{ "x32 is an architecture of its own", DENY(R("read", "ALLOW", "")), "read", GATE_ARCH_X32, 0, 0, KILLP,
	  GATE_WHY_UNCOVERED },
	{ "what is not listed is not covered", DENY(R("read", "ALLOW", "")), "read", GATE_ARCH_AARCH64, 0, 0, KILLP,
	  GATE_WHY_UNCOVERED },
	{ "the native one is always covered", OPEN(R("read", "TRAP", "")), "read", GATE_ARCH_X86_64, 0, 0, GATE_RET_TRAP,
	  GATE_WHY_RULE },
	{ "numbers from 0x80000000 on are no x32", DENY(R("read", "ALLOW", "")), "#2147483648", GATE_ARCH_X86_64, 0, 0, E(38),
	  GATE_WHY_ENOSYS },
	/* 6: multiplexers */
	{ "an allowed call is allowed behind socketcall", DENY(R("connect", "ALLOW", "")), "socketcall", GATE_ARCH_X86, 3, 0,
	  ALLOW, GATE_WHY_RULE },
	{ "its neighbour is not", DENY(R("connect", "ALLOW", "")), "socketcall", GATE_ARCH_X86, 4, 0, E(1), GATE_WHY_DEFAULT },
	{ "a denied call is denied there", OPEN(R("connect", "TRAP", "")), "socketcall", GATE_ARCH_X86, 3, 0, GATE_RET_TRAP,
	  GATE_WHY_RULE },
	{ "conditions cannot be enforced there", DENY(R("socket", "ALLOW", ARGS(A(0, EQ, 1)))), "socketcall", GATE_ARCH_X86, 1,
	  0, E(1), GATE_WHY_DEFAULT },
	{ "a multiplexer that is named decides for itself", DENY(R("socketcall", "TRAP", "") N R("connect", "ALLOW", "")),
	  "socketcall", GATE_ARCH_X86, 3, 0, GATE_RET_TRAP, GATE_WHY_RULE },
	{ "the version in ipc's first argument hides nothing", OPEN(R("semop", "TRAP", "")), "ipc", GATE_ARCH_X86, 0x10001, 0,
	  GATE_RET_TRAP, GATE_WHY_RULE },
	/* 7: includes, excludes */
	{ "a capability that is missing drops the entry",
	  DENY(R("bpf", "ALLOW", ", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}")), "bpf", GATE_ARCH_X86_64, 0, 0, E(1),
	  GATE_WHY_DEFAULT },
	{ "one of the excluded is enough",
	  DENY(R("bpf", "ALLOW", ", \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_CHOWN\"]}")), "bpf", GATE_ARCH_X86_64, 0,
	  0, E(1), GATE_WHY_DEFAULT },
	{ "the host's word is compared", DENY(R("bpf", "ALLOW", ", \"includes\": {\"arches\": [\"amd64\"]}")), "bpf",
	  GATE_ARCH_X86_64, 0, 0, ALLOW, GATE_WHY_RULE },
	{ "that of a second architecture is not", DENY(R("bpf", "ALLOW", ", \"includes\": {\"arches\": [\"x86\"]}")), "bpf",
	  GATE_ARCH_X86, 0, 0, E(1), GATE_WHY_DEFAULT },
	{ "a kernel that is old enough", DENY(R("bpf", "ALLOW", ", \"includes\": {\"minKernel\": \"6.1\"}")), "bpf",
	  GATE_ARCH_X86_64, 0, 0, ALLOW, GATE_WHY_RULE },
	{ "and one that is not", DENY(R("bpf", "ALLOW", ", \"includes\": {\"minKernel\": \"6.2\"}")), "bpf", GATE_ARCH_X86_64,
	  0, 0, E(1), GATE_WHY_DEFAULT },
	/* errno words */
	{ "an errno by its name", DENY(R("read", "ERRNO", ", \"errno\": \"ENOENT\", \"errnoRet\": 9")), "read",
	  GATE_ARCH_X86_64, 0, 0, E(2), GATE_WHY_RULE },
	{ "or as a number in quotes", DENY(R("read", "ERRNO", ", \"errno\": \"11\"")), "read", GATE_ARCH_X86_64, 0, 0, E(11),
	  GATE_WHY_RULE },
};

static struct gate_data call_of(const struct row *row)
{
	struct gate_data d = { .arch = gate_arch_info(row->arch)->audit, .args = { row->a0, row->a1 } };

	d.nr = row->call[0] == '#' ? (uint32_t)strtoul(row->call + 1, NULL, 10) : number(row->arch, row->call);
	return d;
}

static void every_row_holds_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_facts f = host();
		struct gate_profile *p = read_as(rows[i].profile, GATE_ENGINE_NATIVE);
		struct gate_rules *r = resolved(p, &f);
		struct gate_data d = call_of(&rows[i]);
		const struct gate_case *c = gate_rules_find(r, &d, NULL);
		uint32_t slow = 0;

		assert_int_equal(gate_profile_eval(p, &f, &d, &slow, NULL), 0);
		if (c->action != rows[i].verdict || slow != rows[i].verdict || c->why != rows[i].reason)
			fail_msg("%s: rules %#x (%s), evaluator %#x, expected %#x (%s)\n%s", rows[i].why, c->action,
			         gate_why_word(c->why), slow, rows[i].verdict, gate_why_word(rows[i].reason), rows[i].profile);
		gate_rules_free(r);
		gate_profile_free(p);
	}
}

/* --- random profiles --- */

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static const uint64_t values[] = { 0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001,
	                           0x7fffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff };

static uint64_t value(uint64_t *seed)
{
	return values[next(seed) % GATE_ARRAY_LEN(values)] + next(seed) % 3 - 1;
}

static const char *const calls[] = { "read", "socket", "mmap", "clone", "semop", "connect", "ipc", "socketcall", "openat2",
	                             "personality", "nonsense", "mmap2" };

static void random_text(uint64_t *seed, char *text, size_t size)
{
	static const char *const actions[] = { "ALLOW\"", "ERRNO\", \"errnoRet\": 7", "ERRNO\"", "TRAP\"", "KILL\"",
		                               "KILL_PROCESS\"", "LOG\"", "TRACE\", \"errnoRet\": 65535",
		                               "ERRNO\", \"errno\": \"ENOSYS\"" };
	size_t len = (size_t)snprintf(text, size, "{\"defaultAction\": \"SCMP_ACT_%s, \"architectures\": [\"SCMP_ARCH_%s\"], "
	                              "\"syscalls\": [", actions[next(seed) % 7], next(seed) % 2 ? "X86" : "X32");

	for (size_t i = 0, n = 1 + next(seed) % 6; i < n; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s{\"names\": [\"%s\", \"%s\"], \"action\": \"SCMP_ACT_%s, %s"
		                        "\"args\": [", i ? ", " : "", calls[next(seed) % 12], calls[next(seed) % 12],
		                        actions[next(seed) % 9],
		                        next(seed) % 4 ? "" : "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}, ");
		for (size_t k = 0, m = next(seed) % 4; k < m; k++)
			len += (size_t)snprintf(text + len, size - len,
			                        "%s{\"index\": %u, \"op\": \"%s\", \"value\": %llu, \"valueTwo\": %llu}",
			                        k ? ", " : "", (unsigned)(next(seed) % 4),
			                        gate_op_scmp((enum gate_op)(1 + next(seed) % 7)),
			                        (unsigned long long)value(seed), (unsigned long long)value(seed));
		len += (size_t)snprintf(text + len, size - len, "]}");
	}
	snprintf(text + len, size - len, "]}");
}

static void compare(const char *text, const struct gate_profile *p, const struct gate_facts *f, const struct gate_rules *r,
                    struct gate_space *space, gate_policy policy, uint64_t *seed)
{
	static const enum gate_arch arches[] = { GATE_ARCH_X86_64, GATE_ARCH_X86, GATE_ARCH_X32 };

	for (int i = 0; i < 60; i++) {
		enum gate_arch arch = arches[next(seed) % 3];
		const char *name = calls[next(seed) % 12];
		int id = gate_name_find(name, strlen(name));
		const struct gate_syscall *sc = id < 0 ? NULL : gate_syscall_of(arch, (unsigned)id);
		struct gate_data d = { .nr = sc != NULL ? sc->nr : (uint32_t)value(seed), .arch = gate_arch_info(arch)->audit };
		uint32_t slow = 0, fast, drawn;

		for (int a = 0; a < 4; a++)
			d.args[a] = value(seed);
		assert_int_equal(gate_profile_eval(p, f, &d, &slow, NULL), 0);
		fast = gate_rules_find(r, &d, NULL)->action;
		drawn = gate_policy_decide(space, policy, &d);
		if (slow != fast || fast != drawn)
			fail_msg("arch %#x nr %u (%#llx, %#llx, %#llx, %#llx): evaluator %#x, rules %#x, diagram %#x\n%s", d.arch,
			         d.nr, (unsigned long long)d.args[0], (unsigned long long)d.args[1],
			         (unsigned long long)d.args[2], (unsigned long long)d.args[3], slow, fast, drawn, text);
	}
}

static void random_profiles_mean_the_same_in_three_ways(void **state)
{
	static char text[1 << 16];
	uint64_t seed = 88172645463325252u;
	const char *times = getenv("CALLGATE_RANDOM_PROFILES");
	long n = times != NULL ? atol(times) : 2000;

	(void)state;
	for (long i = 0; i < n; i++) {
		struct gate_facts f = host();
		struct gate_space *space = NULL;
		gate_policy policy = 0;

		random_text(&seed, text, sizeof(text));
		struct gate_profile *p = read_as(text, GATE_ENGINE_NATIVE);
		struct gate_rules *r = resolved(p, &f);
		assert_int_equal(gate_space_new(NULL, &space, NULL), 0);
		assert_int_equal(gate_rules_policy(r, space, &policy, NULL), 0);
		compare(text, p, &f, r, space, policy, &seed);
		gate_space_free(space);
		gate_rules_free(r);
		gate_profile_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_holds_twice),
		cmocka_unit_test(random_profiles_mean_the_same_in_three_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
