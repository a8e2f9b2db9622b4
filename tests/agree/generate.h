/* generate.h - random profiles that look for trouble: all seven operators, several arguments, constants around 2^32,
 * actions in conflict, rules that equal the default, calls behind multiplexers, calls younger than the profile. */
#ifndef GATE_TEST_GENERATE_H
#define GATE_TEST_GENERATE_H

#include <callgate/abi.h>
#include <callgate/policy.h>

#include "base/buf.h"
#include "../unit/random.h"

/* Calls with int, long and pointer arguments, multiplexed ones, young ones, ones that exist on few ABIs. */
static const char *const test_names[] = {
	"read", "write", "openat", "socket", "bind", "sendto", "personality", "clone", "clone3", "ioctl", "fcntl", "prctl",
	"kill", "setuid", "lseek", "mmap", "semop", "shmget", "listns", "openat2", "futex_wait", "socketcall", "ipc",
	"arch_prctl", "set_thread_area", "execve", "exit_group", "statx", "io_uring_setup", "fadvise64",
};
#define TEST_NAMES (sizeof(test_names) / sizeof(test_names[0]))

static inline const char *test_action(struct test_random *r)
{
	static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_ERRNO",
		                               "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_LOG",
		                               "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY" };

	return actions[test_below(r, sizeof(actions) / sizeof(actions[0]))];
}

static inline void test_errno(struct test_random *r, struct gate_buf *b, const char *key, const char *action)
{
	static const unsigned numbers[] = { 1, 1, 38, 13, 0, 4095 };

	if (strcmp(action, "SCMP_ACT_ERRNO") == 0 && test_below(r, 2) != 0)
		gate_buf_printf(b, ", \"%s\": %u", key, numbers[test_below(r, 6)]);
}

static inline uint64_t test_constant(struct test_random *r)
{
	static const uint64_t some[] = { 0, 1, 2, 5, 40, 0xffffffff, 0x100000000, 0x100000001, 0xffffffffffffffff, 0x7fffffff,
		                         0x80000000, 0x7e020000, 0x8000000000000000, 0xfffffffffffffffe };

	return test_below(r, 3) == 0 ? test_edge64(r) : some[test_below(r, sizeof(some) / sizeof(some[0]))];
}

static inline void test_args(struct test_random *r, struct gate_buf *b)
{
	static const char *const ops[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };
	unsigned n = test_below(r, 3) == 0 ? 0 : 1 + test_below(r, 3);

	if (n == 0)
		return;
	gate_buf_puts(b, ", \"args\": [");
	for (unsigned i = 0; i < n; i++)
		gate_buf_printf(b, "%s{\"index\": %u, \"value\": %llu, \"valueTwo\": %llu, \"op\": \"SCMP_CMP_%s\"}", i == 0 ? "" : ", ",
		                test_below(r, 4) == 0 ? test_below(r, 6) : test_below(r, 2), (unsigned long long)test_constant(r),
		                (unsigned long long)test_constant(r), ops[test_below(r, 7)]);
	gate_buf_puts(b, "]");
}

static inline void test_filter(struct test_random *r, struct gate_buf *b)
{
	static const char *const filters[] = {
		", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", ", \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}",
		", \"includes\": {\"arches\": [\"amd64\", \"x86\"]}", ", \"excludes\": {\"arches\": [\"s390x\"]}",
		", \"includes\": {\"minKernel\": \"4.8\"}", ", \"excludes\": {\"minKernel\": \"7.0\"}",
		", \"includes\": {\"caps\": [\"CAP_CHOWN\"]}, \"excludes\": {\"caps\": [\"CAP_BPF\", \"CAP_SYS_PTRACE\"]}",
	};

	if (test_below(r, 5) == 0)
		gate_buf_puts(b, filters[test_below(r, sizeof(filters) / sizeof(filters[0]))]);
}

/* A profile of 1 to 14 entries over few names, so that rules meet. */
static inline void test_profile(struct test_random *r, struct gate_buf *b)
{
	static const char *const arches[] = { "", ", \"architectures\": [\"SCMP_ARCH_X86_64\"]",
		                              ", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]",
		                              ", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]",
		                              (", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
		                               "[\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}]"),
		                              ", \"architectures\": [\"SCMP_ARCH_AARCH64\", \"SCMP_ARCH_S390X\", \"SCMP_ARCH_MIPS\"]" };
	const char *action = test_action(r);
	unsigned n = 1 + test_below(r, 14);
	uint32_t pool = test_below(r, TEST_NAMES - 6);

	while (strcmp(action, "SCMP_ACT_NOTIFY") == 0)
		action = test_action(r);
	gate_buf_printf(b, "{\"defaultAction\": \"%s\"", action);
	test_errno(r, b, "defaultErrnoRet", action);
	gate_buf_puts(b, arches[test_below(r, sizeof(arches) / sizeof(arches[0]))]);
	gate_buf_puts(b, ", \"syscalls\": [");
	for (unsigned i = 0; i < n; i++) {
		unsigned names = 1 + test_below(r, 3);

		action = test_action(r);
		gate_buf_puts(b, i == 0 ? "\n {\"names\": [" : ",\n {\"names\": [");
		for (unsigned k = 0; k < names; k++) {
			uint32_t pick = test_below(r, 4) == 0 ? test_below(r, TEST_NAMES) : pool + test_below(r, 6);

			gate_buf_printf(b, "%s\"%s\"", k == 0 ? "" : ", ", test_names[pick]);
		}
		gate_buf_printf(b, "], \"action\": \"%s\"", action);
		test_errno(r, b, "errnoRet", action);
		test_args(r, b);
		test_filter(r, b);
		gate_buf_puts(b, "}");
	}
	gate_buf_puts(b, "\n]}\n");
}

/* An input near the edges: a call of the pool or any number, arguments near the constants. */
static inline struct gate_data test_data(struct test_random *r, const uint32_t *audits, unsigned n_audits)
{
	struct gate_data d = { .arch = audits[test_below(r, n_audits)], .ip = test_next(r) };
	enum gate_arch arch;
	int name;

	if (test_below(r, 40) == 0)
		d.arch ^= 1u << test_below(r, 32);
	d.nr = test_below(r, 8) == 0 ? test_edge32(r) : test_below(r, 520);
	if (test_below(r, 3) != 0) {
		const struct gate_syscall *sc;
		const char *text = test_names[test_below(r, TEST_NAMES)];

		name = gate_name_find(text, strlen(text));
		arch = gate_arch_of(d.arch, test_below(r, 4) == 0 ? 0x40000000 : 0);
		sc = name < 0 || arch == GATE_ARCH_NONE ? NULL : gate_syscall_of(arch, (unsigned)name);
		if (sc != NULL)
			d.nr = sc->nr;
	}
	for (unsigned i = 0; i < 6; i++) {
		uint64_t v = test_constant(r);

		d.args[i] = test_below(r, 3) == 0 ? v + test_below(r, 3) - 1 : test_below(r, 4) == 0 ? test_below(r, 25) : v;
	}
	return d;
}

#endif
