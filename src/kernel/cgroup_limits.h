/* cgroup_limits.h - limits as files and what is written into them; the rules of devices. */
#ifndef GATE_KERNEL_CGROUP_LIMITS_H
#define GATE_KERNEL_CGROUP_LIMITS_H

#include <linux/bpf.h>

#include "kernel/cgroup.h"

/* One file of one controller. */
struct gate_cgroup_setting {
	uint32_t what; /* GATE_CGROUP_… of the controller */
	const char *file;
	char value[48];
};
#define GATE_CGROUP_SETTINGS_MAX 8

/* What no kernel would take, said before anything is made. Pure. */
int gate_cgroup_limits_check(const struct gate_cgroup_limits *l, struct gate_err *err);
/* The controllers that the limits need. Pure. */
uint32_t gate_cgroup_limits_need(const struct gate_cgroup_limits *l);
/* The files to write for the controllers in `what`, in order; returns how many. Pure. */
size_t gate_cgroup_settings(const struct gate_cgroup_limits *l, uint32_t what, bool v2,
                            struct gate_cgroup_setting ret[GATE_CGROUP_SETTINGS_MAX]);

/* v2: the rules as a program of BPF_PROG_TYPE_CGROUP_DEVICE. Pure; *ret is freed with free. */
int gate_cgroup_device_program(const struct gate_cgroup_limits *l, struct bpf_insn **ret, size_t *len,
                               struct gate_err *err);
/* … loaded: its descriptor, or -1 with errno; attached to the group `dir`. */
int gate_cgroup_device_load(const struct bpf_insn *insns, size_t len);
int gate_cgroup_device_attach(int dir, int program);
/* v1: a rule as one or two lines for devices.allow; returns how many. Pure. */
size_t gate_cgroup_device_lines(const struct gate_cgroup_device *d, char ret[2][64]);

#endif
