/* plan_build.h - whole plans for tests: rows in the order in which they are added, then everything laid out as the
 * launcher does. */
#ifndef PLAN_BUILD_H
#define PLAN_BUILD_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "launch/launch.h"

#define BUILD_ROWS 64

struct build_row {
	unsigned step, flags;
	int fd; /* one more than the descriptor; 0: none; negative as in gate_row, for the keeper's pipes */
	uint64_t a, b;
	const char *text[3];
	const uint32_t *groups; /* flags many, as text[0] */
};
struct build {
	struct build_row rows[BUILD_ROWS];
	unsigned n_rows;
	uint32_t flags;
	const char *argv[8], *envp[4];
	const struct sock_filter *filter;
	unsigned filter_len;
	int fds[32];
	unsigned n_fds;
	union {
		struct gate_plan plan;
		char bytes[65536];
	} __attribute__((aligned(8)));
	size_t len;
	struct gate_plan_view view;
};

static inline void build_add(struct build *b, struct build_row row)
{
	b->rows[b->n_rows++] = row;
}
#define ADD(b, name, ...) build_add(b, (struct build_row){ .step = GATE_STEP_##name, ##__VA_ARGS__ })

static inline uint32_t build_bytes(struct build *b, const void *p, size_t n, size_t align)
{
	b->len = (b->len + align - 1) / align * align;
	uint32_t at = (uint32_t)b->len;

	if (b->len + n > sizeof(b->bytes))
		__builtin_trap();
	if (p != NULL)
		memcpy(b->bytes + at, p, n);
	b->len += n;
	return at;
}

static inline uint32_t build_text(struct build *b, const char *s)
{
	return s == NULL ? 0 : build_bytes(b, s, strlen(s) + 1, 1);
}

static inline int32_t build_fd(struct build *b, int fd)
{
	if (fd < 0)
		return fd;
	if (fd == 0)
		return -1;
	b->fds[b->n_fds] = fd - 1;
	return (int32_t)b->n_fds++;
}

static inline uint32_t build_list(const char *const *list)
{
	uint32_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

/* Lays it out. What gate_plan_check says of it. */
static inline const char *build_lay(struct build *b)
{
	struct gate_plan *p = &b->plan;
	struct gate_row rows[BUILD_ROWS];
	uint64_t argv[8] = { 0 }, envp[4] = { 0 };

	memset(b->bytes, 0, sizeof(b->bytes));
	b->n_fds = 0;
	b->len = sizeof(*p);
	p->argc = build_list(b->argv);
	p->envc = build_list(b->envp);
	p->rows = build_bytes(b, NULL, b->n_rows * sizeof(rows[0]), 8);
	p->argv = build_bytes(b, NULL, (p->argc + 1) * sizeof(uint64_t), 8);
	p->envp = build_bytes(b, NULL, (p->envc + 1) * sizeof(uint64_t), 8);
	p->filter = b->filter_len != 0 ? build_bytes(b, b->filter, b->filter_len * sizeof(b->filter[0]), 8) : 0;
	p->filter_len = b->filter_len;
	memset(rows, 0, sizeof(rows));
	for (unsigned i = 0; i < b->n_rows; i++) {
		const struct build_row *r = &b->rows[i];

		rows[i] = (struct gate_row){ .step = (uint16_t)r->step, .flags = (uint16_t)r->flags, .fd = build_fd(b, r->fd), .a = r->a, .b = r->b };
		for (unsigned k = 0; k < 3; k++)
			rows[i].text[k] = build_text(b, r->text[k]);
		if (r->groups != NULL)
			rows[i].text[0] = build_bytes(b, r->groups, r->flags * sizeof(uint32_t), 4);
	}
	memcpy(b->bytes + p->rows, rows, b->n_rows * sizeof(rows[0]));
	for (uint32_t i = 0; i < p->argc; i++)
		argv[i] = build_text(b, b->argv[i]);
	for (uint32_t i = 0; i < p->envc; i++)
		envp[i] = build_text(b, b->envp[i]);
	memcpy(b->bytes + p->argv, argv, (p->argc + 1) * sizeof(uint64_t));
	memcpy(b->bytes + p->envp, envp, (p->envc + 1) * sizeof(uint64_t));
	p->id = build_text(b, "0123456789abcdef");
	p->magic = GATE_PLAN_MAGIC;
	p->version = GATE_PLAN_VERSION;
	p->flags = b->flags | GATE_PLAN_EXEC;
	p->n_rows = b->n_rows;
	p->dir = p->parent = p->control = p->audit = p->audit_ask = p->proc = p->lock = p->names = -1;
	p->stop_signal = 15;
	p->n_fds = b->n_fds;
	p->size = (uint32_t)b->len;
	b->view = (struct gate_plan_view){ .plan = p, .rows = (const struct gate_row *)(const void *)(b->bytes + p->rows), .fds = b->fds, .stdio = { -1, -1, -1 } };
	return gate_plan_check(b->bytes, b->len, b->n_fds);
}

static inline struct gate_launch_report *build_report(void)
{
	struct gate_launch_report *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return r == MAP_FAILED ? NULL : r;
}

#define BUILD_ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
static const struct sock_filter build_two_calls[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BUILD_ALLOW(execve),
	BUILD_ALLOW(exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static const struct sock_filter build_allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

static inline void build_filter(struct build *b, const struct sock_filter *f, size_t n)
{
	b->filter = f;
	b->filter_len = (unsigned)n;
}
#define FILTER_WITH(b, f) build_filter(b, f, sizeof(f) / sizeof((f)[0]))

#endif
