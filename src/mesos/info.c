/* What this agent is: its id, kept for ever, and what it offered when its tasks were started. */
#include <stdio.h>

#include "mesos/parts.h"

static bool get(struct gate_db *db, const char *name, char *ret, size_t size)
{
	struct gate_db_rows q;
	bool found = false;

	gate_db_query(db, &q, "SELECT value FROM agent_info WHERE name = ?", "t", name);
	if (gate_db_next(&q)) {
		(void)snprintf(ret, size, "%s", gate_db_text(&q, 0));
		found = true;
	}
	gate_db_end(&q);
	return found;
}

static void set(struct gate_db *db, const char *name, const char *value)
{
	gate_db_run(db, "INSERT OR REPLACE INTO agent_info (name, value) VALUES (?, ?)", "tt", name, value);
}

static size_t running(struct gate_mesos *m)
{
	size_t n = 0;

	for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next)
		n += !gate_state_ended(t->state);
	return n;
}

/* The numbers of "cpus:2;mem:1024;disk:5;ports:[1-2]", as we wrote them. */
struct offer {
	double cpus;
	unsigned long long mem, disk;
	unsigned low, high;
};

static bool offer(const char *text, struct offer *ret)
{
	return sscanf(text, "cpus:%lf;mem:%llu;disk:%llu;ports:[%u-%u]", &ret->cpus, &ret->mem, &ret->disk, &ret->low,
	              &ret->high) == 5;
}

/* --reconfiguration_policy=additive: nothing becomes less. */
static bool grown(const char *before, const char *now)
{
	struct offer a, b;

	return offer(before, &a) && offer(now, &b) && b.cpus >= a.cpus && b.mem >= a.mem && b.disk >= a.disk &&
	       b.low <= a.low && b.high >= a.high;
}

/* Attributes: everything that was there is there still. */
static bool includes(const char *now, const char *before)
{
	for (const char *s = before; *s != '\0'; s += *s == ';') {
		size_t len = strcspn(s, ";");
		bool found = len == 0;

		for (const char *w = now; *w != '\0' && !found; w += *w == ';') {
			size_t n = strcspn(w, ";");

			found = n == len && memcmp(w, s, n) == 0;
			w += n;
		}
		if (!found)
			return false;
		s += len;
	}
	return true;
}

/* Only what tasks count on. Mesos' text (compatibility.cpp) says which. */
static int compatible(struct gate_mesos *m, const char *name, const char *before, const char *now, struct gate_err *err)
{
	bool additive = gate_agent_config(m->agent)->additive;
	/* What a host has changes by itself: the size of some file systems does with what is in them. */
	bool fine =
	    strcmp(before, now) == 0 || (strcmp(name, "resources") == 0 && gate_agent_config(m->agent)->measured);

	if (!fine && additive)
		fine = strcmp(name, "resources") == 0 ? grown(before, now)
		                                      : strcmp(name, "attributes") == 0 && includes(now, before);
	if (fine || running(m) == 0)
		return 0;
	return GATE_FAIL(err, GATE_E_INVALID,
	                 "Incompatible agent info detected: %s was '%.100s' and is '%.100s' now, and %zu tasks run; "
	                 "--reconfiguration_policy is %s",
	                 name, before, now, running(m), additive ? "additive" : "equal");
}

int gate_mesos_info_load(struct gate_mesos *m, struct gate_err *err)
{
	const struct gate_config *c = gate_agent_config(m->agent);
	struct gate_db *db = gate_agent_db(m->agent);
	char resources[200], before[1024], uuid[37];
	const struct {
		const char *name, *now;
	} rows[] = {
		{ "hostname", c->hostname != NULL ? c->hostname : "" },
		{ "resources", resources },
		{ "attributes", c->attributes != NULL ? c->attributes : "" },
	};

	(void)snprintf(resources, sizeof(resources), "cpus:%g;mem:%llu;disk:%llu;ports:[%u-%u]", c->cpus,
	               (unsigned long long)c->mem_mib, (unsigned long long)c->disk_mib, c->port_low, c->port_high);
	if (!get(db, "id", m->id, sizeof(m->id))) {
		gate_agent_uuid(m->agent, uuid);
		(void)snprintf(m->id, sizeof(m->id), "%s-S0", uuid);
		set(db, "id", m->id);
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		if (!get(db, rows[i].name, before, sizeof(before)))
			before[0] = '\0';
		else if (compatible(m, rows[i].name, before, rows[i].now, err) < 0)
			return -1;
		if (strcmp(before, rows[i].now) != 0)
			set(db, rows[i].name, rows[i].now);
	}
	return 0;
}
