/* Names, words, tokens, multiplexers, capabilities and error numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/base.h"

#include <callgate/abi.h>

#define WORD(s) (s), sizeof(s) - 1

static unsigned name_of(const char *text)
{
	int i = gate_name_find(text, strlen(text));

	assert_true(i >= 0);
	return (unsigned)i;
}

static void every_name_is_found_and_no_neighbour_of_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < gate_name_count(); i++) {
		const char *text = gate_name_text(i);
		size_t len = strlen(text);
		char near[64];

		assert_int_equal(gate_name_find(text, len), i);
		for (size_t k = 0; k < len; k++) {
			memcpy(near, text, len + 1);
			near[k] = '~';
			assert_int_equal(gate_name_find(near, len), -1);
			near[k] = (char)(text[k] - 'a' + 'A');
			assert_int_equal(gate_name_find(near, len), -1);
		}
		memcpy(near, text, len + 1);
		near[len] = '~';
		assert_int_equal(gate_name_find(near, len + 1), -1);
		near[len] = '\0';
		assert_int_equal(gate_name_find(near, len + 1), -1);
		if (i > 0)
			assert_true(strcmp(gate_name_text(i - 1), text) < 0);
	}
	assert_int_equal(gate_name_find("", 0), -1);
	assert_null(gate_name_text((unsigned)gate_name_count()));
}

static void calls_ascend_and_agree_with_their_names(void **state)
{
	(void)state;
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++) {
		enum gate_arch arch = (enum gate_arch)a;
		size_t n = gate_syscall_count(arch);

		assert_true(n > 300);
		for (size_t i = 0; i < n; i++) {
			const struct gate_syscall *call = gate_syscall_at(arch, i);

			if (i > 0)
				assert_true(call->nr > gate_syscall_at(arch, i - 1)->nr);
			assert_ptr_equal(gate_syscall_of(arch, call->name), call);
			assert_ptr_equal(gate_syscall_by_nr(arch, call->nr), call);
			assert_true(gate_kver_cmp(gate_name_since(call->name), call->since) <= 0);
			assert_true(gate_kver_cmp(call->since, gate_abi_newest()) <= 0);
			assert_true(call->n_args <= 6 || call->n_args == GATE_NARGS_UNKNOWN);
		}
		assert_null(gate_syscall_at(arch, n));
		assert_null(gate_syscall_by_nr(arch, 0xffffffff));
		assert_null(gate_syscall_of(arch, (unsigned)gate_name_count()));
	}
	assert_int_equal(gate_syscall_count(GATE_ARCH_NONE), 0);
	assert_null(gate_syscall_by_nr((enum gate_arch)99, 0));
}

static void known_calls_are_as_the_kernel_declares_them(void **state)
{
	const struct gate_syscall *call;

	(void)state;
	call = gate_syscall_of(GATE_ARCH_X86_64, name_of("personality"));
	assert_int_equal(call->nr, 135);
	assert_int_equal(call->n_args, 1);
	assert_int_equal(call->narrow, 1);
	call = gate_syscall_of(GATE_ARCH_X86_64, name_of("openat2"));
	assert_int_equal(call->nr, 437);
	assert_int_equal(call->since.major, 5);
	assert_int_equal(call->since.minor, 6);
	assert_int_equal(call->narrow, 1);
	assert_int_equal(call->pointers, 6);
	call = gate_syscall_of(GATE_ARCH_X86_64, name_of("clone"));
	assert_int_equal(call->narrow & 1, 0); /* flags are unsigned long */
	assert_int_equal(gate_syscall_of(GATE_ARCH_X32, name_of("read"))->nr, 0x40000000);
	assert_int_equal(gate_syscall_of(GATE_ARCH_MIPSEL, name_of("read"))->nr, 4003);
	assert_int_equal(gate_syscall_of(GATE_ARCH_ARM, name_of("set_tls"))->nr, 0xf0005);
	assert_int_equal(gate_syscall_of(GATE_ARCH_MIPS, name_of("sync_file_range"))->n_args, 6); /* of seven */
	assert_null(gate_syscall_of(GATE_ARCH_AARCH64, name_of("open")));
	assert_int_equal(gate_name_since(name_of("statx")).minor, 11);
#ifdef __x86_64__
	assert_int_equal(gate_syscall_of(GATE_ARCH_X86_64, name_of("memfd_create"))->nr, SYS_memfd_create);
	assert_int_equal(gate_syscall_of(GATE_ARCH_X86_64, name_of("clone3"))->nr, SYS_clone3);
#endif
}

static void an_unknown_name_gets_the_nearest_known_one(void **state)
{
	static const char *const rows[][2] = {
		{ "readdirent", "getdents" }, { "sockerpair", "socketpair" }, { "wait3", "wait4" },
		{ "posix_fallocate", "fallocate" }, { "pgrp", "getpgrp" }, { "opne", "open" }, { "mkdr", "mkdir" },
		{ "OPENAT", "openat" }, { "clone33", "clone3" }, { "x", NULL }, { "", NULL },
		{ "frobnicate", NULL }, { "socket ", "socket" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const char *got = gate_name_suggest(rows[i][0], strlen(rows[i][0]));

		if (rows[i][1] == NULL)
			assert_null(got);
		else
			assert_string_equal(got, rows[i][1]);
	}
}

static void architectures_have_many_words(void **state)
{
	static const struct {
		const char *word;
		enum gate_arch arch;
	} rows[] = {
		{ "x86_64", GATE_ARCH_X86_64 }, { "amd64", GATE_ARCH_X86_64 }, { "SCMP_ARCH_X86_64", GATE_ARCH_X86_64 },
		{ "i386", GATE_ARCH_X86 }, { "I686", GATE_ARCH_X86 }, { "arm64", GATE_ARCH_AARCH64 },
		{ "scmp_arch_aarch64", GATE_ARCH_AARCH64 }, { "mips3l64n32", GATE_ARCH_MIPSEL64N32 },
		{ "mips64el", GATE_ARCH_MIPSEL64 }, { "loong64", GATE_ARCH_LOONGARCH64 }, { "ppc64el", GATE_ARCH_PPC64LE },
		{ "hppa", GATE_ARCH_PARISC }, { "sheb", GATE_ARCH_SHEB }, { "x32", GATE_ARCH_X32 },
		{ "i386,i486", GATE_ARCH_NONE }, { "x86_6", GATE_ARCH_NONE }, { "", GATE_ARCH_NONE },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++)
		assert_int_equal(gate_arch_by_name(rows[i].word, strlen(rows[i].word)), rows[i].arch);
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++) {
		const struct gate_arch_info *info = gate_arch_info((enum gate_arch)a);

		assert_int_equal(info->arch, a);
		assert_int_equal(gate_arch_by_name(info->name, strlen(info->name)), a);
		assert_int_equal(gate_arch_by_name(info->goarch, strlen(info->goarch)), a);
		assert_int_equal(gate_arch_by_scmp(info->scmp, strlen(info->scmp)), a);
	}
	assert_int_equal(gate_arch_by_scmp(WORD("amd64")), GATE_ARCH_NONE);
	assert_int_equal(gate_arch_by_scmp(WORD("scmp_arch_x86")), GATE_ARCH_NONE);
	assert_null(gate_arch_info(GATE_ARCH_NONE));
	assert_null(gate_arch_info(GATE_ARCH_MAX));
	assert_string_equal(gate_arch_suggest(WORD("amd64")), "SCMP_ARCH_X86_64");
	assert_string_equal(gate_arch_suggest(WORD("SCMP_ARCH_AMD64")), "SCMP_ARCH_X86_64");
	assert_string_equal(gate_arch_suggest(WORD("SCMP_ARCH_X86_46")), "SCMP_ARCH_X86_64");
	assert_null(gate_arch_suggest(WORD("alpha")));
}

static void tokens_are_the_kernels(void **state)
{
	static const struct {
		enum gate_arch arch;
		uint32_t audit;
	} rows[] = {
		{ GATE_ARCH_X86, AUDIT_ARCH_I386 }, { GATE_ARCH_X86_64, AUDIT_ARCH_X86_64 },
		{ GATE_ARCH_X32, AUDIT_ARCH_X86_64 }, { GATE_ARCH_ARM, AUDIT_ARCH_ARM },
		{ GATE_ARCH_AARCH64, AUDIT_ARCH_AARCH64 }, { GATE_ARCH_MIPS, AUDIT_ARCH_MIPS },
		{ GATE_ARCH_MIPSEL, AUDIT_ARCH_MIPSEL }, { GATE_ARCH_MIPS64, AUDIT_ARCH_MIPS64 },
		{ GATE_ARCH_MIPSEL64, AUDIT_ARCH_MIPSEL64 }, { GATE_ARCH_MIPS64N32, AUDIT_ARCH_MIPS64N32 },
		{ GATE_ARCH_MIPSEL64N32, AUDIT_ARCH_MIPSEL64N32 }, { GATE_ARCH_PPC, AUDIT_ARCH_PPC },
		{ GATE_ARCH_PPC64, AUDIT_ARCH_PPC64 }, { GATE_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE },
		{ GATE_ARCH_RISCV64, AUDIT_ARCH_RISCV64 }, { GATE_ARCH_S390, AUDIT_ARCH_S390 },
		{ GATE_ARCH_S390X, AUDIT_ARCH_S390X }, { GATE_ARCH_LOONGARCH64, AUDIT_ARCH_LOONGARCH64 },
		{ GATE_ARCH_PARISC, AUDIT_ARCH_PARISC }, { GATE_ARCH_PARISC64, AUDIT_ARCH_PARISC64 },
		{ GATE_ARCH_M68K, AUDIT_ARCH_M68K }, { GATE_ARCH_SH, AUDIT_ARCH_SHEL }, { GATE_ARCH_SHEB, AUDIT_ARCH_SH },
	};

	(void)state;
	assert_int_equal(GATE_ARRAY_LEN(rows), GATE_ARCH_MAX - 1);
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const struct gate_arch_info *info = gate_arch_info(rows[i].arch);

		assert_int_equal(info->audit, rows[i].audit);
		assert_int_equal(info->is64, (info->audit & __AUDIT_ARCH_64BIT) != 0);
		assert_int_equal(info->big_endian, (info->audit & __AUDIT_ARCH_LE) == 0);
		if (rows[i].arch != GATE_ARCH_X32)
			assert_int_equal(gate_arch_of(info->audit, 0), rows[i].arch);
	}
	assert_int_equal(gate_arch_of(AUDIT_ARCH_X86_64, 0x3fffffff), GATE_ARCH_X86_64);
	assert_int_equal(gate_arch_of(AUDIT_ARCH_X86_64, 0x40000000), GATE_ARCH_X32);
	assert_int_equal(gate_arch_of(AUDIT_ARCH_X86_64, 0x7fffffff), GATE_ARCH_X32);
	assert_int_equal(gate_arch_of(AUDIT_ARCH_X86_64, 0x80000000), GATE_ARCH_X86_64);
	assert_int_equal(gate_arch_of(AUDIT_ARCH_I386, 0x40000000), GATE_ARCH_X86);
	assert_int_equal(gate_arch_of(0, 0), GATE_ARCH_NONE);
}

static void sockets_and_ipc_have_a_second_way_in(void **state)
{
	uint32_t nr = 7, sub = 7;

	(void)state;
	assert_true(gate_syscall_mux(GATE_ARCH_X86, name_of("socket"), &nr, &sub));
	assert_int_equal(nr, 102);
	assert_int_equal(sub, 1);
	assert_true(gate_syscall_mux(GATE_ARCH_X86, name_of("accept"), &nr, &sub)); /* no number of its own there */
	assert_int_equal(sub, 5);
	assert_true(gate_syscall_mux(GATE_ARCH_MIPSEL, name_of("shmctl"), &nr, &sub));
	assert_int_equal(nr, 4117);
	assert_int_equal(sub, 24);
	assert_true(gate_syscall_mux(GATE_ARCH_S390X, name_of("sendmmsg"), &nr, &sub));
	assert_int_equal(sub, 20);
	nr = sub = 7;
	assert_false(gate_syscall_mux(GATE_ARCH_X86_64, name_of("socket"), &nr, &sub));
	assert_false(gate_syscall_mux(GATE_ARCH_MIPS64, name_of("socket"), &nr, &sub));
	assert_false(gate_syscall_mux(GATE_ARCH_ARM, name_of("socket"), &nr, &sub));
	assert_false(gate_syscall_mux(GATE_ARCH_X86, name_of("read"), &nr, &sub));
	assert_int_equal(nr, 7);
	assert_int_equal(sub, 7);
}

static void capabilities_have_the_kernels_numbers(void **state)
{
	(void)state;
	assert_int_equal(GATE_CAP_LAST, CAP_LAST_CAP);
	assert_int_equal(gate_cap_find(WORD("CAP_CHOWN")), CAP_CHOWN);
	assert_int_equal(gate_cap_find(WORD("CAP_SYS_ADMIN")), CAP_SYS_ADMIN);
	assert_int_equal(gate_cap_find(WORD("CAP_CHECKPOINT_RESTORE")), CAP_CHECKPOINT_RESTORE);
	assert_int_equal(gate_cap_find(WORD("cap_chown")), -1);
	assert_int_equal(gate_cap_find(WORD("CAP_")), -1);
	assert_string_equal(gate_cap_name(CAP_BPF), "CAP_BPF");
	assert_null(gate_cap_name(GATE_CAP_LAST + 1));
	assert_int_equal(gate_caps_docker, 0xa80425fb); /* CapBnd of a process in a Docker container */
	assert_string_equal(gate_cap_suggest(WORD("sys_admin")), "CAP_SYS_ADMIN");
	assert_string_equal(gate_cap_suggest(WORD("CAP_SYSADMIN")), "CAP_SYS_ADMIN");
	assert_null(gate_cap_suggest(WORD("CAP_EVERYTHING")));
}

static void error_numbers_differ_by_architecture(void **state)
{
	(void)state;
	assert_string_equal(gate_errno_name(GATE_ARCH_X86_64, 38), "ENOSYS");
	assert_string_equal(gate_errno_name(GATE_ARCH_X86_64, 11), "EAGAIN");
	assert_string_equal(gate_errno_name(GATE_ARCH_MIPS64, 89), "ENOSYS");
	assert_string_equal(gate_errno_name(GATE_ARCH_MIPS, 1133), "EDQUOT");
	assert_string_equal(gate_errno_name(GATE_ARCH_PARISC, 251), "ENOSYS");
	assert_string_equal(gate_errno_name(GATE_ARCH_PPC64LE, 58), "EDEADLOCK");
	assert_null(gate_errno_name(GATE_ARCH_X86_64, 0));
	assert_null(gate_errno_name(GATE_ARCH_X86_64, 41));
	assert_null(gate_errno_name(GATE_ARCH_X86_64, 4095));
	assert_null(gate_errno_name(GATE_ARCH_NONE, 1));
	assert_int_equal(gate_errno_find(GATE_ARCH_X86_64, WORD("EWOULDBLOCK")), 11);
	assert_int_equal(gate_errno_find(GATE_ARCH_X86_64, WORD("ENOTSUP")), 95);
	assert_int_equal(gate_errno_find(GATE_ARCH_PARISC64, WORD("ENOTSUP")), 252);
	assert_int_equal(gate_errno_find(GATE_ARCH_MIPSEL, WORD("ECONNREFUSED")), 146);
	assert_int_equal(gate_errno_find(GATE_ARCH_X86_64, WORD("eperm")), 0);
	assert_int_equal(gate_errno_find(GATE_ARCH_X86_64, WORD("EINIT")), 0);
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++)
		assert_int_equal(gate_errno_find((enum gate_arch)a, WORD("ENOSYS")),
		                 gate_arch_info((enum gate_arch)a)->enosys);
#ifdef __x86_64__
	for (unsigned e = 1; e < 134; e++) {
		const char *libc = strerrorname_np((int)e), *ours = gate_errno_name(GATE_ARCH_X86_64, e);

		/* glibc prefers ENOTSUP. */
		if (libc == NULL)
			assert_null(ours);
		else if (e != EOPNOTSUPP)
			assert_string_equal(libc, ours);
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found_and_no_neighbour_of_it),
		cmocka_unit_test(calls_ascend_and_agree_with_their_names),
		cmocka_unit_test(known_calls_are_as_the_kernel_declares_them),
		cmocka_unit_test(an_unknown_name_gets_the_nearest_known_one),
		cmocka_unit_test(architectures_have_many_words),
		cmocka_unit_test(tokens_are_the_kernels),
		cmocka_unit_test(sockets_and_ipc_have_a_second_way_in),
		cmocka_unit_test(capabilities_have_the_kernels_numbers),
		cmocka_unit_test(error_numbers_differ_by_architecture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
