/* plan_maker.h - a plan's rows for tests of single steps. */
#ifndef PLAN_MAKER_H
#define PLAN_MAKER_H

#include <string.h>

#include "launch/launch.h"

struct maker {
	union {
		struct gate_plan plan;
		char bytes[16384];
	};
	size_t len;
	int fds[16];
	int n_fds;
	struct gate_row row;
	struct gate_plan_view view;
	struct gate_launch_report report;
	struct gate_launch launch;
};

static inline void maker_init(struct maker *m)
{
	memset(m, 0, sizeof(*m));
	m->len = sizeof(m->plan);
	m->plan.proc = -1;
	m->view.plan = &m->plan;
	m->view.fds = m->fds;
	m->launch.view = &m->view;
	m->launch.report = &m->report;
	m->launch.root = -1;
}

static inline uint32_t maker_text(struct maker *m, const char *s)
{
	const size_t at = m->len;

	if (s == NULL)
		return 0;
	if (at + strlen(s) + 1 > sizeof(m->bytes)) {
		m->len = sizeof(m->plan);
		return maker_text(m, s);
	}
	strcpy(m->bytes + at, s);
	m->len += strlen(s) + 1;
	return (uint32_t)at;
}

static inline int32_t maker_fd(struct maker *m, int fd)
{
	if (fd < 0)
		return -1;
	m->fds[m->n_fds] = fd;
	return m->n_fds++;
}

struct wanted {
	unsigned flags;
	int fd; /* one more than the descriptor; 0: none */
	uint64_t a, b;
	const char *text[3];
};

static inline int maker_run(struct maker *m, gate_step_fn *step, struct wanted w)
{
	m->len = sizeof(m->plan);
	m->row = (struct gate_row){ .flags = (uint16_t)w.flags, .fd = maker_fd(m, w.fd - 1), .a = w.a, .b = w.b,
		                    .text = { maker_text(m, w.text[0]), maker_text(m, w.text[1]), maker_text(m, w.text[2]) } };
	return step(&m->launch, &m->row);
}

#endif
