/* What the agent is: health, flags, version, metrics. */
#include <stdio.h>

#include "mesos/parts.h"

void gate_mesos_ports_text(const struct gate_config *c, char text[32])
{
	text[0] = '\0';
	if (c->port_low != 0)
		(void)snprintf(text, 32, "%u-%u", c->port_low, c->port_high);
}

void gate_mesos_get_health(struct call *c)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "healthy");
	gate_json_bool(&j, true);
	gate_mesos_end(c, &j);
}

static void put_pair(struct gate_json *j, const char *name)
{
	gate_json_object(j);
	gate_mesos_put(j, "name", name);
	gate_json_key(j, "value");
}

void gate_mesos_get_flags(struct call *c)
{
	const struct gate_config *config = gate_agent_config(c->m->agent);
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "flags");
	gate_json_array(&j);
	for (size_t i = 0; i < config->n_settings; i++) {
		put_pair(&j, config->settings[i].name);
		gate_json_text(&j, config->settings[i].value);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_mesos_end(c, &j);
}

/* Which Mesos the behaviour is that of, beside our own version. */
static void put_version(const struct gate_config *config, struct gate_json *j)
{
	gate_mesos_put(j, "version", config->version);
	gate_mesos_put(j, "build_user", "callgate");
}

void gate_mesos_get_version(struct call *c)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "version_info");
	gate_json_object(&j);
	put_version(gate_agent_config(c->m->agent), &j);
	gate_json_end(&j, '}');
	gate_mesos_end(c, &j);
}

void gate_mesos_version(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_mesos *m = ctx;
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	put_version(gate_agent_config(m->agent), &j);
	gate_json_end(&j, '}');
	a->status = 200;
}

static void put_metric(void *ctx, const char *name, double value)
{
	put_pair(ctx, name);
	gate_json_double(ctx, value);
	gate_json_end(ctx, '}');
}

void gate_mesos_get_metrics(struct call *c)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "metrics");
	gate_json_array(&j);
	gate_metrics(c->m->agent, put_metric, &j);
	gate_json_end(&j, ']');
	gate_mesos_end(c, &j);
}

static void put_flat_metric(void *ctx, const char *name, double value)
{
	gate_json_key(ctx, name);
	gate_json_double(ctx, value);
}

void gate_mesos_metrics(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_mesos *m = ctx;
	struct gate_json j;

	(void)r; /* ?timeout=: everything is at hand */
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_metrics(m->agent, put_flat_metric, &j);
	gate_json_end(&j, '}');
	a->status = 200;
}

void gate_mesos_health(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	(void)r;
	a->status = 200;
}

void gate_mesos_get_agent(struct call *c)
{
	const struct gate_config *config = gate_agent_config(c->m->agent);
	struct gate_json j;
	char ports[32];

	gate_mesos_ports_text(config, ports);
	gate_mesos_begin(c, &j);
	gate_json_key(&j, "agent_info");
	gate_json_object(&j);
	gate_mesos_put(&j, "hostname", config->hostname);
	gate_mesos_put_value(&j, "id", c->m->id);
	gate_mesos_put_resources("resources", config->cpus, config->mem_mib, config->disk_mib, ports, false, &j);
	gate_json_key(&j, "attributes");
	gate_json_array(&j);
	for (const char *s = config->attributes != NULL ? config->attributes : ""; *s != '\0'; s += *s == ';') {
		size_t len = strcspn(s, ";"), name = strcspn(s, ":;");

		if (name < len) {
			gate_json_object(&j);
			gate_json_key(&j, "name");
			gate_json_textn(&j, s, name);
			gate_mesos_put(&j, "type", "TEXT");
			gate_json_key(&j, "text");
			gate_json_object(&j);
			gate_json_key(&j, "value");
			gate_json_textn(&j, s + name + 1, len - name - 1);
			gate_json_end(&j, '}');
			gate_json_end(&j, '}');
		}
		s += len;
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	gate_mesos_end(c, &j);
}

void gate_mesos_get_logging(struct call *c)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "level");
	gate_json_u64(&j, 0);
	gate_mesos_end(c, &j);
}

static void nothing(struct call *c, const char *key)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, key);
	gate_json_array(&j);
	gate_json_end(&j, ']');
	gate_mesos_end(c, &j);
}

void gate_mesos_get_operations(struct call *c)
{
	nothing(c, "operations");
}

void gate_mesos_get_providers(struct call *c)
{
	nothing(c, "resource_providers");
}
