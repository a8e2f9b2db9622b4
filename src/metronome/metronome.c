/* The scheduler's life. */
#include "metronome/parts.h"

static void close_all(void *self)
{
	struct metro *m = self;

	metro_clear(m);
	metro_zones_free(m);
	free(m);
}

int gate_metronome_open(struct gate_agent *a, struct gate_err *err)
{
	struct metro *m = calloc(1, sizeof(*m));
	struct gate_scheduler s = { .name = "metronome",
		                    .owner = GATE_OWNER_METRONOME,
		                    .load = metro_load,
		                    .task = metro_task_changed,
		                    .tick = metro_tick,
		                    .close = close_all,
		                    .routes = metro_routes,
		                    .self = m };

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	m->agent = a;
	m->host = (struct gate_job_host){ .hostname = gate_agent_config(a)->hostname,
		                          .attributes = gate_agent_config(a)->attributes,
		                          .zone = metro_zone,
		                          .ctx = m };
	if (gate_agent_add(a, &s, err) < 0) {
		free(m);
		return -1;
	}
	return 0;
}
