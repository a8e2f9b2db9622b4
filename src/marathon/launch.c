/* Launching: the back-off, what fits on the host, ports, and the task itself. */
#include <stdio.h>

#include "marathon/parts.h"

/* --- back-off (RateLimiter.scala): for each app and version of its configuration --- */

/* The delay counts from now. On disk by the wall clock; here by the one that nobody sets. */
static void begin(const struct marathon *m, struct app *app)
{
	app->delay_at = gate_agent_wall(m->agent);
	app->delay_from = gate_agent_now(m->agent);
}

static int64_t passed(const struct marathon *m, const struct app *app)
{
	return gate_agent_now(m->agent) - app->delay_from;
}

static bool delayed(const struct marathon *m, const struct app *app)
{
	const struct gate_app *def = app->now->app;
	int64_t most = def->max_delay_s * 1000;

	return app->delay_config != 0 && app->delay_config == def->config_ms &&
	       passed(m, app) <= (most < GATE_LEAST_DELAY_MS ? GATE_LEAST_DELAY_MS : most);
}

int64_t gate_m_delay_left(const struct marathon *m, const struct app *app)
{
	int64_t delay = (app->delay_ns + GATE_NS_PER_MS - 1) / GATE_NS_PER_MS, left;

	if (!delayed(m, app))
		return 0;
	if (delay < GATE_LEAST_DELAY_MS)
		delay = GATE_LEAST_DELAY_MS;
	left = delay - passed(m, app);
	return left < 0 ? 0 : left;
}

void gate_m_delay_more(struct marathon *m, struct app *app)
{
	const struct gate_app *def = app->now->app;
	int64_t most = def->max_delay_s * 1000 * GATE_NS_PER_MS, first = def->backoff_s * 1000 * GATE_NS_PER_MS;
	double next = (double)app->delay_ns * def->backoff_factor;

	if (!delayed(m, app))
		app->delay_ns = first < most ? first : most;
	else
		app->delay_ns = next < (double)most ? (int64_t)next : most;
	app->delay_config = def->config_ms;
	begin(m, app);
}

void gate_m_delay_move(struct marathon *m, struct app *app)
{
	if (!delayed(m, app))
		return;
	begin(m, app);
	gate_m_save_app(m, app);
}

void gate_m_delay_reset(struct marathon *m, struct app *app)
{
	app->delay_config = app->delay_ns = app->delay_at = 0;
	gate_m_save_app(m, app);
}

/* --- room --- */

struct room {
	double cpus;
	uint64_t mem_mib, disk_mib;
	uint8_t ports[65536 / 8]; /* taken ones */
};

static void take_ports(struct room *r, const char *ports)
{
	while (*ports != '\0') {
		unsigned long p = strtoul(ports, NULL, 10);

		if (p < 65536)
			r->ports[p / 8] |= (uint8_t)(1U << p % 8);
		ports += strcspn(ports, ",");
		ports += *ports == ',';
	}
}

static void look(struct marathon *m, struct room *r)
{
	*r = (struct room){ 0 };
	for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next) {
		if (gate_state_ended(t->state))
			continue;
		r->cpus += t->cpus;
		r->mem_mib += t->mem_mib;
		r->disk_mib += t->disk_mib;
		take_ports(r, t->ports);
	}
}

static uint64_t whole(double mib)
{
	return mib <= 0 ? 0 : (uint64_t)mib;
}

static bool fits(const struct marathon *m, const struct room *r, const struct gate_app *def)
{
	const struct gate_config *c = gate_agent_config(m->agent);

	return r->cpus + def->cpus <= c->cpus + 1e-9 && r->mem_mib + whole(def->mem) <= c->mem_mib &&
	       r->disk_mib + whole(def->disk) <= c->disk_mib;
}

static bool is_taken(const struct room *r, uint32_t port)
{
	return (r->ports[port / 8] >> port % 8 & 1) != 0;
}

/* The next free one of the host's range; 0: none. */
static uint16_t free_port(struct marathon *m, const struct room *r)
{
	const struct gate_config *c = gate_agent_config(m->agent);

	for (uint32_t n = 0; n <= (uint32_t)(c->port_high - c->port_low); n++) {
		if (m->next_port < c->port_low || m->next_port > c->port_high)
			m->next_port = c->port_low;
		uint16_t port = m->next_port++;

		if (!is_taken(r, port))
			return port;
	}
	return 0;
}

static bool find_ports(struct marathon *m, struct room *r, const struct gate_app *def, uint16_t *ret)
{
	const struct gate_app_port *p = gate_app_ports(def);

	for (size_t i = 0; i < def->ports.n; i++) {
		bool fixed = def->require_ports && p[i].port != 0;

		ret[i] = fixed ? (uint16_t)p[i].port : free_port(m, r);
		if (ret[i] == 0 || is_taken(r, ret[i]))
			return false;
		r->ports[ret[i] / 8] |= (uint8_t)(1U << ret[i] % 8);
	}
	return true;
}

/* --- the task --- */

/* "/shop/web" is "shop_web.instance-UUID._app.1". */
static char *task_id(const struct instance *i)
{
	struct gate_buf out = GATE_BUF_INIT;

	gate_buf_puts(&out, i->app->id + 1);
	for (size_t k = 0; k < out.len; k++)
		if (out.data[k] == '/')
			out.data[k] = '_';
	gate_buf_printf(&out, ".instance-%s._app.%lld", i->id, (long long)i->incarnation);
	return gate_buf_take(&out);
}

static char *port_text(const uint16_t *ports, size_t n)
{
	struct gate_buf out = GATE_BUF_INIT;

	gate_buf_puts(&out, "");
	for (size_t i = 0; i < n; i++)
		gate_buf_printf(&out, "%s%u", i > 0 ? "," : "", ports[i]);
	return gate_buf_take(&out);
}

static char *label_text(const struct gate_app *def)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	for (size_t i = 0; i < def->labels.n; i++) {
		gate_json_key(&j, def->labels.at[i].key);
		gate_json_text(&j, def->labels.at[i].value);
	}
	gate_json_end(&j, '}');
	return gate_buf_take(&out);
}

static int add_task(struct marathon *m, struct instance *i, const struct def *d, const uint16_t *ports,
                    struct gate_err *err)
{
	const struct gate_config *config = gate_agent_config(m->agent);
	GATE_AUTOFREE char *port_list = port_text(ports, d->app->ports.n), *labels = label_text(d->app);
	const struct gate_app_choice choice = gate_app_choice(d->app);
	const struct gate_app_instance made = { i->task, config->hostname, config->isolation, config->cfs,
		                                ports,   d->app->ports.n };
	struct gate_agent_task *t = NULL;
	char version[32], container[37];
	struct gate_task task;

	gate_task_init(&task);
	if (port_list == NULL || labels == NULL || gate_app_task(d->app, &made, &task, err) < 0) {
		gate_task_done(&task);
		return err->code == GATE_OK ? GATE_FAIL_NOMEM(err) : -1;
	}
	gate_app_time(d->app->version_ms, version);
	gate_agent_uuid(m->agent, container);
	struct gate_new_task n = { .id = i->task,
		                   .container = container,
		                   .owner = GATE_OWNER_MARATHON,
		                   .owner_id = i->app->id,
		                   .version = version,
		                   .name = i->app->id + 1,
		                   .labels = labels,
		                   .client = d->client,
		                   .ports = port_list,
		                   .cpus = d->app->cpus,
		                   .mem_mib = whole(d->app->mem),
		                   .disk_mib = whole(d->app->disk),
		                   .task = &task,
		                   .keep_refused = true, /* it is tried again with the back-off */
		                   .seccomp = { choice.present, choice.profile_name, choice.unconfined },
		                   .app_path = i->app->id,
		                   .rights = d->rights };

	return gate_tasks_add(m->agent, &n, &t, err);
}

/* The instance knows its task before the core tells of it. */
static void launch(struct marathon *m, struct instance *i, const struct def *d, const uint16_t *ports)
{
	struct gate_err err = GATE_ERR_INIT;

	i->incarnation++;
	i->version = d->app->version_ms;
	i->since = gate_agent_wall(m->agent);
	i->task = task_id(i);
	if (i->task == NULL)
		return;
	if (add_task(m, i, d, ports, &err) < 0) {
		char version[32];

		/* What cannot become a task fails as one that could not be launched: with the back-off, and for all to see. */
		gate_app_time(i->version, version);
		gate_m_failed(m, i->app, &(struct failure){ i->task, version, err.text, GATE_STATE_ERROR });
		free(GATE_TAKE(&i->task));
		gate_m_delay_more(m, i->app);
		gate_m_save_app(m, i->app);
	}
	gate_m_save_instance(m, i);
}

static bool waits(const struct instance *i)
{
	return !i->stopping && i->task == NULL;
}

static void note_queue(struct marathon *m, struct app *app)
{
	bool any = false;

	for (const struct instance *i = app->instances; i != NULL && !any; i = i->next)
		any = waits(i);
	if (!any)
		app->queued_since = 0;
	else if (app->queued_since == 0)
		app->queued_since = gate_agent_wall(m->agent);
}

void gate_m_launch(struct marathon *m, struct app *app, struct def *def)
{
	int64_t left = gate_m_delay_left(m, app);
	struct room *room = NULL;
	uint16_t ports[32] = { 0 };
	bool launched = false;

	note_queue(m, app);
	app->short_of = false;
	if (app->queued_since == 0)
		return;
	if (left > 0) {
		gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + left);
		return;
	}
	room = calloc(1, sizeof(*room));
	if (room == NULL)
		return;
	look(m, room);
	for (struct instance *i = app->instances; i != NULL; i = i->next) {
		if (!waits(i))
			continue;
		if (!fits(m, room, def->app) || !find_ports(m, room, def->app, ports)) {
			app->short_of = true;
			gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + GATE_RESOURCES_MS);
			break;
		}
		room->cpus += def->app->cpus;
		room->mem_mib += whole(def->app->mem);
		room->disk_mib += whole(def->app->disk);
		launch(m, i, def, ports);
		if (i->task == NULL)
			break;
		launched = true;
	}
	free(room);
	if (launched)
		gate_m_delay_move(m, app);
	note_queue(m, app);
	left = gate_m_delay_left(m, app);
	if (app->queued_since != 0 && left > 0)
		gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + left);
}
