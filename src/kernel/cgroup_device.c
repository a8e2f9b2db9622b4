#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/cgroup_limits.h"

/* What a program of BPF_PROG_TYPE_CGROUP_DEVICE is given: struct bpf_cgroup_dev_ctx (linux/bpf.h): access << 16 | type,
 * major, minor. It returns 1: allowed, 0: EPERM. */
enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, WORK = BPF_REG_6 };
#define INSNS_PER_RULE 8
#define INSNS_FRAME    8

#define LOAD(to, offset)     ((struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, (to), BPF_REG_1, (offset), 0 })
#define MOVE(to, from)       ((struct bpf_insn){ BPF_ALU | BPF_MOV | BPF_X, (to), (from), 0, 0 })
#define NUMBER(op, reg, imm) ((struct bpf_insn){ BPF_ALU | (op) | BPF_K, (reg), 0, 0, (imm) })
/* Skips `by` instructions unless the register is the value. */
#define UNLESS(reg, imm, by) ((struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, (reg), 0, (by), (imm) })
#define EXIT                 ((struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 })

static bool same(const struct gate_cgroup_device *a, const struct gate_cgroup_device *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static int32_t access_of(const struct gate_cgroup_device *d)
{
	return (d->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (d->read ? BPF_DEVCG_ACC_READ : 0) |
	       (d->write ? BPF_DEVCG_ACC_WRITE : 0);
}

/* Rules for the same device are one with all their rights, as version 1 has it: opening for reading and writing is one
 * question. Returns false for a rule that an earlier one has taken in. */
static bool merged(const struct gate_cgroup_limits *l, size_t i, int32_t *access)
{
	*access = 0;
	for (size_t k = 0; k < l->n_devices; k++) {
		if (!same(&l->devices[k], &l->devices[i]))
			continue;
		if (k < i)
			return false;
		*access |= access_of(&l->devices[k]);
	}
	return true;
}

/* Each rule: if everything about the question is in it, the answer is yes. */
static size_t rule(struct bpf_insn *to, const struct gate_cgroup_device *d, int32_t access)
{
	size_t n = 0;
	size_t len = (size_t)(d->type != 'a') + 3 + (size_t)(d->major >= 0) + (size_t)(d->minor >= 0) + 2;

#define TO_END ((int16_t)(len - n - 1))
	if (d->type != 'a') {
		to[n] = UNLESS(TYPE, d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, TO_END);
		n++;
	}
	to[n++] = MOVE(WORK, ACCESS);
	to[n++] = NUMBER(BPF_AND, WORK, ~access & 7);
	to[n] = UNLESS(WORK, 0, TO_END);
	n++;
	if (d->major >= 0) {
		to[n] = UNLESS(MAJOR, (int32_t)d->major, TO_END);
		n++;
	}
	if (d->minor >= 0) {
		to[n] = UNLESS(MINOR, (int32_t)d->minor, TO_END);
		n++;
	}
#undef TO_END
	to[n++] = NUMBER(BPF_MOV, BPF_REG_0, 1);
	to[n++] = EXIT;
	return n;
}

int gate_cgroup_device_program(const struct gate_cgroup_limits *l, struct bpf_insn **ret, size_t *len,
                               struct gate_err *err)
{
	/* The kernel's least upper bound for programs is 4096 instructions (BPF_MAXINSNS, without CAP_BPF). */
	if (l->n_devices > (BPF_MAXINSNS - INSNS_FRAME) / INSNS_PER_RULE)
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu device rules are too many", l->n_devices);
	struct bpf_insn *code = calloc(INSNS_FRAME + l->n_devices * INSNS_PER_RULE, sizeof(*code));
	size_t n = 0;

	if (code == NULL)
		return GATE_FAIL_NOMEM(err);
	code[n++] = LOAD(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	code[n++] = MOVE(ACCESS, TYPE);
	code[n++] = NUMBER(BPF_AND, TYPE, 0xffff);
	code[n++] = NUMBER(BPF_RSH, ACCESS, 16);
	code[n++] = LOAD(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	code[n++] = LOAD(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < l->n_devices; i++) {
		int32_t access;

		if (merged(l, i, &access))
			n += rule(code + n, &l->devices[i], access);
	}
	code[n++] = NUMBER(BPF_MOV, BPF_REG_0, 0);
	code[n++] = EXIT;
	*ret = code;
	*len = n;
	return 0;
}

int gate_cgroup_device_load(const struct bpf_insn *insns, size_t len)
{
	union bpf_attr attr;

	/* All of it: the kernel refuses bytes that it does not know unless they are zero. */
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)len;
	attr.license = (uintptr_t) "Apache-2.0";
	(void)snprintf(attr.prog_name, sizeof(attr.prog_name), "callgate_dev");
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)); /* always close-on-exec */
}

int gate_cgroup_device_attach(int dir, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI; /* programs of groups below can refuse more, never allow more */
	return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr));
}

size_t gate_cgroup_device_lines(const struct gate_cgroup_device *d, char ret[2][64])
{
	char major[24] = "*", minor[24] = "*";
	size_t n = 0;

	if (d->major >= 0)
		(void)snprintf(major, sizeof(major), "%lld", (long long)d->major);
	if (d->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%lld", (long long)d->minor);
	/* The kernel's own "a" means all devices with all rights, whatever follows it. */
	for (const char *type = d->type == 'a' ? "bc" : d->type == 'b' ? "b" : "c"; *type != '\0'; type++)
		(void)snprintf(ret[n++], 64, "%c %s:%s %s%s%s", *type, major, minor, d->read ? "r" : "",
		               d->write ? "w" : "", d->mknod ? "m" : "");
	return n;
}
