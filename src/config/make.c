/* Settings as bytes, and the agent's configuration from them. */
#include <stdio.h>

#include "base/num.h"
#include "config/parts.h"

int gate_settings_bytes(const struct gate_settings *s, struct gate_buf *out, struct gate_err *err)
{
	GATE_CHECK(s->finished);
	for (size_t i = 0; i < s->n; i++) {
		const struct gate_value *v = &s->values[i];

		if (v->text == NULL)
			continue;
		gate_buf_printf(out, "%s=%s", v->flag->name, v->text);
		gate_buf_add(out, "", 1);
	}
	gate_buf_printf(out, "host.caps=%llu", (unsigned long long)s->caps);
	gate_buf_add(out, "", 1);
	if (s->measured)
		gate_buf_add(out, "host.measured=true", sizeof("host.measured=true"));
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}

/* A configuration and what it owns. */
struct made {
	struct gate_config config; /* first */
	struct gate_arena arena;
};

void gate_config_free(struct gate_config *c)
{
	struct made *m = (struct made *)c;

	if (m == NULL)
		return;
	gate_arena_done(&m->arena);
	free(m);
}

static const char *get(const struct gate_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_settings; i++)
		if (strcmp(c->settings[i].name, name) == 0)
			return c->settings[i].value;
	return NULL;
}

static bool on(const struct gate_config *c, const char *name)
{
	const char *text = get(c, name);

	return text != NULL && strcmp(text, "true") == 0;
}

/* The pairs into settings; what the mother found out has a dot in its name and is not shown. */
static int pairs(struct made *m, const char *bytes, size_t len, struct gate_err *err)
{
	struct gate_setting *list;
	size_t n = 0;

	if (len == 0 || bytes[len - 1] != '\0')
		return GATE_FAIL(err, GATE_E_PROTO, "settings are cut off");
	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\0';
	list = GATE_NEWS(&m->arena, struct gate_setting, n);
	bytes = gate_arena_text(&m->arena, bytes, len);
	if (list == NULL || bytes == NULL)
		return GATE_FAIL_NOMEM(err);
	n = 0;
	for (const char *s = bytes, *end = bytes + len; s < end; s += strlen(s) + 1) {
		const char *equals = strchr(s, '=');
		char *name = equals != NULL ? gate_arena_text(&m->arena, s, (size_t)(equals - s)) : NULL;

		if (equals == NULL)
			return GATE_FAIL(err, GATE_E_PROTO, "a setting without a value");
		if (name == NULL)
			return GATE_FAIL_NOMEM(err);
		if (strcmp(name, "host.caps") == 0) {
			if (gate_u64_parse(equals + 1, strlen(equals + 1), UINT64_MAX, &m->config.caps) < 0)
				return GATE_FAIL(err, GATE_E_PROTO, "host.caps is not a number");
			continue;
		}
		if (strcmp(name, "host.measured") == 0) {
			m->config.measured = true;
			continue;
		}
		if (gate_flag_find(name, NULL) == NULL)
			return GATE_FAIL(err, GATE_E_PROTO, "unknown setting '%.40s'", name);
		list[n++] = (struct gate_setting){ name, equals + 1 };
	}
	m->config.settings = list;
	m->config.n_settings = n;
	return 0;
}

static int globs(struct made *m, const char *text, struct gate_err *err)
{
	const char **list;
	size_t n = 2, k = 0;

	if (text == NULL)
		return 0;
	for (const char *s = text; *s != '\0'; s++)
		n += *s == ',';
	list = GATE_NEWS(&m->arena, const char *, n);
	if (list == NULL)
		return GATE_FAIL_NOMEM(err);
	for (const char *s = text; *s != '\0'; s += *s == ',') {
		size_t len = strcspn(s, ",");

		if (len != 0 && (list[k++] = gate_arena_text(&m->arena, s, len)) == NULL)
			return GATE_FAIL_NOMEM(err);
		s += len;
	}
	m->config.allowed = list;
	return 0;
}

static int rules(struct made *m, struct gate_err *err)
{
	struct gate_config *c = &m->config;
	const char *acl = get(c, "acl"), *may = get(c, "unconfined");
	struct gate_acl *acls = NULL;
	struct gate_may *mays = NULL;

	if (acl != NULL && gate_acl_parse(acl, &m->arena, &acls, &c->n_acl, err) < 0)
		return -1;
	if (may != NULL && gate_may_parse(may, &m->arena, &mays, &c->n_unconfined, &c->unconfined_limited, err) < 0)
		return -1;
	c->acl = acls;
	c->unconfined = mays;
	return 0;
}

static int numbers(struct gate_config *c, struct gate_err *err)
{
	struct gate_resources r = { 0 };

	if (get(c, "resources") == NULL || get(c, "gc_delay") == NULL || get(c, "isolation") == NULL)
		return GATE_FAIL(err, GATE_E_PROTO, "settings lack resources, gc_delay or isolation");
	if (gate_resources_parse(get(c, "resources"), &r, err) < 0 ||
	    gate_duration_parse(get(c, "gc_delay"), &c->gc_delay_ms, err) < 0 ||
	    gate_isolation_read(get(c, "isolation"), &c->isolation, err) < 0)
		return -1;
	c->cpus = r.cpus;
	c->mem_mib = r.mem_mib;
	c->disk_mib = r.disk_mib;
	c->port_low = r.port_low;
	c->port_high = r.port_high;
	return 0;
}

int gate_config_make(const void *bytes, size_t len, struct gate_config **ret, struct gate_err *err)
{
	struct made *m = calloc(1, sizeof(*m));
	struct gate_config *c = &m->config;

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	if (pairs(m, bytes, len, err) < 0 || globs(m, get(c, "profiles"), err) < 0 || rules(m, err) < 0 ||
	    numbers(c, err) < 0) {
		gate_config_free(c);
		return -1;
	}
	c->isolation_text = get(c, "isolation");
	c->profile_name = get(c, "seccomp_profile_name");
	c->floor = get(c, "floor");
	c->mesos_dialect = on(c, "mesos-dialect");
	c->strict = on(c, "strict");
	c->cfs = on(c, "cgroups_enable_cfs");
	c->log = on(c, "log-denials");
	c->additive =
	    strcmp(get(c, "reconfiguration_policy") != NULL ? get(c, "reconfiguration_policy") : "", "additive") == 0;
	c->attributes = get(c, "attributes");
	c->hostname = get(c, "hostname");
	c->state_dir = get(c, "state-dir");
	c->version = GATE_VERSION;
	*ret = c;
	return 0;
}
