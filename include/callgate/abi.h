/* callgate/abi.h - what the kernel offers: ABIs, system calls, capabilities, error numbers.
 *
 * Constant tables, generated at build time from tables/ (Linux 7.1). Nothing allocates, nothing fails but by
 * "not found". Thread-safe, async-signal-safe. All pointers returned are valid for ever. */
#ifndef CALLGATE_ABI_H
#define CALLGATE_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* An ABI: a numbering of system calls together with its AUDIT_ARCH token. X86_64 and X32 share a token. */
enum gate_arch {
	GATE_ARCH_NONE = 0,
	GATE_ARCH_X86,
	GATE_ARCH_X86_64,
	GATE_ARCH_X32,
	GATE_ARCH_ARM,
	GATE_ARCH_AARCH64,
	GATE_ARCH_MIPS,
	GATE_ARCH_MIPSEL,
	GATE_ARCH_MIPS64,
	GATE_ARCH_MIPSEL64,
	GATE_ARCH_MIPS64N32,
	GATE_ARCH_MIPSEL64N32,
	GATE_ARCH_PPC,
	GATE_ARCH_PPC64,
	GATE_ARCH_PPC64LE,
	GATE_ARCH_RISCV64,
	GATE_ARCH_S390,
	GATE_ARCH_S390X,
	GATE_ARCH_LOONGARCH64,
	GATE_ARCH_PARISC,
	GATE_ARCH_PARISC64,
	GATE_ARCH_M68K,
	GATE_ARCH_SH,
	GATE_ARCH_SHEB,
	GATE_ARCH_MAX
};

struct gate_arch_info {
	enum gate_arch arch;
	const char *name;   /* "x86_64": what people type and callgate prints */
	const char *scmp;   /* "SCMP_ARCH_X86_64" */
	const char *goarch; /* "amd64": the word in includes.arches, as moby/profiles compares it */
	uint32_t audit;     /* AUDIT_ARCH_*, include/uapi/linux/audit.h */
	bool is64;          /* arguments are 64 bits wide (x32: yes, registers are) */
	bool big_endian;    /* the low word of an argument lies at offset + 4 of seccomp_data */
	uint32_t enosys;    /* ENOSYS on this ABI: 38, mips 89, parisc 251 */
};

/* NULL for GATE_ARCH_NONE and values outside the enum. */
const struct gate_arch_info *gate_arch_info(enum gate_arch arch);
/* By `name`, an alias (i386, amd64, arm64, …), the SCMP_ARCH_ word or the GOARCH word, any case. NONE if unknown. */
enum gate_arch gate_arch_by_name(const char *name, size_t len);
/* By the exact SCMP_ARCH_ word only. */
enum gate_arch gate_arch_by_scmp(const char *word, size_t len);
/* The ABI that a call with this token and number belongs to: an X86_64 token with 0x40000000 <= nr < 0x80000000
 * is X32. NONE for tokens that no table has. */
enum gate_arch gate_arch_of(uint32_t audit, uint32_t nr);
/* Nearest SCMP_ARCH_ word, name or alias for a suggestion, or NULL. */
const char *gate_arch_suggest(const char *word, size_t len);

/* A kernel release; {0,0} = as old as the data (<= 4.0) and {0xffff,0} = not known. */
struct gate_kver {
	uint16_t major, minor;
};
#define GATE_KVER_UNKNOWN 0xffff
static inline int gate_kver_cmp(struct gate_kver a, struct gate_kver b)
{
	return a.major != b.major   ? (a.major < b.major ? -1 : 1)
	       : a.minor != b.minor ? (a.minor < b.minor ? -1 : 1)
	                            : 0;
}
/* The newest release that the tables cover. */
struct gate_kver gate_abi_newest(void);

struct gate_syscall {
	uint32_t nr;            /* with the ABI's offset: x32 0x40000000, mips o32 4000, n64 5000, n32 6000 */
	uint16_t name;          /* an index for gate_name_text */
	struct gate_kver since; /* first release with this call on this ABI */
	uint8_t n_args;         /* 0..6; 0xff: not known */
	uint8_t narrow;         /* bit i: argument i is declared as a type of 32 bits (int, unsigned int, uid_t, …) */
	uint8_t pointers;       /* bit i: argument i is a pointer */
};
#define GATE_NARGS_UNKNOWN 0xff

/* Names are numbered 0..gate_name_count()-1 over all ABIs; perfect hash, exact case. -1 = no ABI has it. */
int gate_name_find(const char *name, size_t len);
size_t gate_name_count(void);
const char *gate_name_text(unsigned name);
/* Earliest release on any ABI. */
struct gate_kver gate_name_since(unsigned name);
/* The nearest known name (distance <= 2, or a well-known libc wrapper such as wait3 -> wait4), or NULL. */
const char *gate_name_suggest(const char *name, size_t len);

/* The call on an ABI by name index, by number, by position in ascending order of numbers. NULL if there is none. */
const struct gate_syscall *gate_syscall_of(enum gate_arch arch, unsigned name);
const struct gate_syscall *gate_syscall_by_nr(enum gate_arch arch, uint32_t nr);
size_t gate_syscall_count(enum gate_arch arch);
const struct gate_syscall *gate_syscall_at(enum gate_arch arch, size_t i);

/* Where a call is also reached through socketcall(2) or ipc(2) on this ABI: the multiplexer's number and the value
 * of its first argument. False if it is not. (x86, s390, s390x, ppc*, mips o32, m68k, sh.) */
bool gate_syscall_mux(enum gate_arch arch, unsigned name, uint32_t *mux_nr, uint32_t *subcall);

/* Capabilities, CAP_CHOWN = 0 … GATE_CAP_LAST. A set is a bit mask. */
#define GATE_CAP_LAST 40
#define GATE_CAPS_ALL ((UINT64_C(1) << (GATE_CAP_LAST + 1)) - 1)
/* Docker's 14: chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service
 * sys_chroot kill audit_write. */
extern const uint64_t gate_caps_docker;
/* Exact "CAP_SYS_ADMIN". -1 = unknown. */
int gate_cap_find(const char *name, size_t len);
const char *gate_cap_name(unsigned cap); /* "CAP_SYS_ADMIN", NULL above GATE_CAP_LAST */
const char *gate_cap_suggest(const char *name, size_t len);

/* "ENOSYS" for a number on an ABI; NULL if it has no name there. */
const char *gate_errno_name(enum gate_arch arch, unsigned number);
/* The number of "ENOSYS" on an ABI (0 when unknown). */
unsigned gate_errno_find(enum gate_arch arch, const char *name, size_t len);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
