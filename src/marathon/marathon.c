#include "marathon/parts.h"

static int start(void *self, const struct gate_probe_request *r, gate_probe_fn *done, void *ctx,
                 struct gate_probe **ret, struct gate_err *err)
{
	if (self == NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "there is no loop to probe from");
	return gate_probe_start(self, r, done, ctx, ret, err);
}

static void cancel(void *self, struct gate_probe *p)
{
	(void)self;
	gate_probe_cancel(p);
}

static void close_all(void *self)
{
	struct marathon *m = self;

	gate_m_clear(m);
	free(m);
}

int gate_marathon_open_with(struct gate_agent *a, const struct gate_prober *prober, struct gate_err *err)
{
	struct marathon *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	m->agent = a;
	m->prober = *prober;
	m->deployments_end = &m->deployments;
	const struct gate_scheduler s = { .name = "marathon",
		                          .owner = GATE_OWNER_MARATHON,
		                          .load = gate_m_load,
		                          .task = gate_m_task_changed,
		                          .tick = gate_m_tick,
		                          .close = close_all,
		                          .routes = gate_m_routes,
		                          .self = m };

	if (gate_agent_add(a, &s, err) == 0)
		return 0;
	free(m);
	return -1;
}

int gate_marathon_open(struct gate_agent *a, struct gate_err *err)
{
	const struct gate_prober prober = { start, cancel, gate_agent_loop(a) };

	return gate_marathon_open_with(a, &prober, err);
}
