#include <stdio.h>
#include <sys/utsname.h>

#include <callgate/facts.h>

#include "base/base.h"

/* The ABI that this library is built for: what a program that we start is most likely built for, too, also where an
 * x86 userland runs on an x86_64 kernel and uname(2) says x86_64. */
#if defined(__x86_64__) && defined(__ILP32__)
#define NATIVE GATE_ARCH_X32
#elif defined(__x86_64__)
#define NATIVE GATE_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE GATE_ARCH_X86
#elif defined(__aarch64__)
#define NATIVE GATE_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE GATE_ARCH_ARM
#elif defined(__mips__) && defined(_ABIN32) && _MIPS_SIM == _ABIN32
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? GATE_ARCH_MIPS64N32 : GATE_ARCH_MIPSEL64N32)
#elif defined(__mips64)
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? GATE_ARCH_MIPS64 : GATE_ARCH_MIPSEL64)
#elif defined(__mips__)
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? GATE_ARCH_MIPS : GATE_ARCH_MIPSEL)
#elif defined(__powerpc64__)
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? GATE_ARCH_PPC64 : GATE_ARCH_PPC64LE)
#elif defined(__powerpc__)
#define NATIVE GATE_ARCH_PPC
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE GATE_ARCH_RISCV64
#elif defined(__s390x__)
#define NATIVE GATE_ARCH_S390X
#elif defined(__s390__)
#define NATIVE GATE_ARCH_S390
#elif defined(__loongarch64)
#define NATIVE GATE_ARCH_LOONGARCH64
#elif defined(__hppa64__)
#define NATIVE GATE_ARCH_PARISC64
#elif defined(__hppa__)
#define NATIVE GATE_ARCH_PARISC
#elif defined(__m68k__)
#define NATIVE GATE_ARCH_M68K
#elif defined(__sh__)
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? GATE_ARCH_SHEB : GATE_ARCH_SH)
#else
#define NATIVE GATE_ARCH_NONE
#endif

int gate_facts_host(struct gate_facts *ret, struct gate_err *err)
{
	struct gate_facts facts = { .arch = NATIVE, .caps = gate_caps_docker };
	struct utsname name;
	unsigned major, minor;

	if (facts.arch == GATE_ARCH_NONE)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "no table covers the system calls of this host");
	if (uname(&name) < 0)
		return GATE_FAIL_SYS(err, "cannot ask for the kernel's release");
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2 || major >= GATE_KVER_UNKNOWN || minor > UINT16_MAX)
		facts.kernel.major = GATE_KVER_UNKNOWN;
	else
		facts.kernel = (struct gate_kver){ (uint16_t)major, (uint16_t)minor };
	*ret = facts;
	return 0;
}
