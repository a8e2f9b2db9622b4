/* cgroup_make.h - the parts of cgroup.c: what is decided (cgroup_where.c), how controllers are handed down
 * (cgroup_enable.c), what went wrong in words (cgroup_words.c). */
#ifndef GATE_KERNEL_CGROUP_MAKE_H
#define GATE_KERNEL_CGROUP_MAKE_H

#include "kernel/cgroup_limits.h"
#include "kernel/cgroup_tree.h"
#include "task/plan.h"

#define GATE_CGROUP_V2_CONTROLLERS (GATE_CGROUP_CPU | GATE_CGROUP_MEMORY | GATE_CGROUP_PIDS)
#define GATE_CGROUP_PATH_MAX       4096

struct gate_cgroup_place {
	const struct gate_cgroup_hierarchy *h;
	uint32_t need, want;             /* what of ours it serves */
	char base[GATE_CGROUP_PATH_MAX]; /* the group above */
};

struct gate_cgroup_maker {
	const char *root, *parent;
	const struct gate_cgroups *above; /* NULL: below no other task's */
	const struct gate_cgroup_limits *limits;
	char name[80];
	bool dry;
	struct gate_buf *explain;
	struct gate_cgroup_tree tree;
	uint32_t need, want; /* controllers of limits; what else the task is to be in, where it can be had */
	char v2_base[GATE_CGROUP_PATH_MAX]; /* the v2 group above, as a path; "": none that we may write to */
	uint32_t v2_has;                    /* controllers there */
	int v2_errno;                       /* why there is none */
	struct bpf_insn *code;              /* the device program */
	size_t code_len;
	int program;
	struct gate_cgroup_place places[GATE_CGROUPS_MAX];
	struct gate_cgroups out;
	size_t places_of[GATE_CGROUPS_MAX];  /* which place out.at[i] is in */
	size_t made_above[GATE_CGROUPS_MAX]; /* … and how many groups of `parent` were made for it */
};

/* --- cgroup_where.c --- */
/* The v2 group above, then which hierarchy serves what: fills places[*n]. */
int gate_cgroup_places(struct gate_cgroup_maker *m, size_t *n, struct gate_err *err);
/* The group above the task's. */
int gate_cgroup_base(const struct gate_cgroup_maker *m, struct gate_cgroup_place *p, struct gate_err *err);
/* The path of a mounted hierarchy with `below` in it ("" or "/a/b"). */
int gate_cgroup_path(const struct gate_cgroup_maker *m, const struct gate_cgroup_hierarchy *h, const char *below,
                     char ret[GATE_CGROUP_PATH_MAX], struct gate_err *err);
bool gate_cgroup_may_write(const char *dir, const char *name);
ssize_t gate_cgroup_read(const char *dir, const char *name, char *text, size_t size);

/* --- cgroup_enable.c --- */
/* Makes what is missing of `base` beyond the mount's top, counted in *made, and hands the controllers down on the way. */
int gate_cgroup_descend(const struct gate_cgroup_maker *m, struct gate_cgroup_place *p, size_t *made,
                        struct gate_err *err);
int gate_cgroup_write(int dir, const char *name, const char *text);

/* --- cgroup_words.c: each fails --- */
const char *gate_cgroup_advice(int sys);
int gate_cgroup_no_controller(const struct gate_cgroup_maker *m, uint32_t what, struct gate_err *err);
int gate_cgroup_cannot_make(const char *base, const char *name, uint32_t what, int sys, struct gate_err *err);
int gate_cgroup_cannot_set(const char *path, const struct gate_cgroup_setting *s, int sys, struct gate_err *err);
int gate_cgroup_cannot_enable(const char *path, const char *controllers, int sys, struct gate_err *err);

#endif
