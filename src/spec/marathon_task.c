/* One instance of an app as a task. */
#include <stdio.h>

#include "spec/marathon_parts.h"

/* Mesos' cgroups/cpu: 1024 shares a processor, at least 2; with --cgroups_enable_cfs a quota of each 100 ms too, at least 1 ms. */
#define SHARES_PER_CPU 1024
#define PERIOD_US      100000
/* Mesos' least memory limit. */
#define LEAST_MEM_MIB 32
/* Marathon leaves the grace to Mesos, whose executor waits 3 s. */
#define GRACE_MS 3000

struct maker {
	const struct gate_app *app;
	const struct gate_app_instance *instance;
	struct gate_task *task;
	bool failed;
};

static const char *keep(struct maker *m, const char *text)
{
	const char *copy = gate_arena_text(&m->task->arena, text, strlen(text));

	m->failed |= copy == NULL;
	return copy;
}

#define ADD(m, list, value)                                                                                            \
	do {                                                                                                           \
		if (gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)) < 0)                              \
			(m)->failed = true;                                                                            \
		else                                                                                                   \
			(list).at[(list).n++] = (value);                                                               \
	} while (0)

static bool isolates(const struct maker *m, enum gate_isolator i)
{
	return (m->instance->isolation >> i & 1) != 0;
}

__attribute__((format(printf, 2, 3))) static void env(struct maker *m, const char *format, ...)
{
	struct gate_buf b = GATE_BUF_INIT;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&b, format, ap);
	va_end(ap);
	if (b.failed)
		m->failed = true;
	else
		ADD(m, m->task->env, keep(m, b.data));
	gate_buf_done(&b);
}

/* "[^a-zA-Z0-9_]+" becomes "_", the rest upper case. */
static void as_variable(const char *key, char *ret, size_t size)
{
	size_t n = 0;
	bool word = true;

	for (const char *s = key; *s != '\0' && n + 1 < size; s++) {
		char c = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;
		bool is = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';

		if (is || word)
			ret[n++] = is ? c : '_';
		word = is;
	}
	ret[n] = '\0';
}

/* EnvironmentHelper.scala: a label of at most 512 bytes is a variable. */
static void label_env(struct maker *m)
{
	struct gate_buf names = GATE_BUF_INIT;
	char key[512];

	for (size_t i = 0; i < m->app->labels.n; i++) {
		const struct gate_named *l = &m->app->labels.at[i];

		if (strlen(l->key) >= 512 - strlen("MARATHON_APP_LABEL_") || strlen(l->value) >= 512)
			continue;
		as_variable(l->key, key, sizeof(key));
		gate_buf_printf(&names, "%s%s", names.len > 0 ? " " : "", key);
		env(m, "MARATHON_APP_LABEL_%s=%s", key, l->value);
	}
	env(m, "MARATHON_APP_LABELS=%s", names.data != NULL ? names.data : "");
	m->failed |= names.failed;
	gate_buf_done(&names);
}

static void port_env(struct maker *m)
{
	const struct gate_app_port *p = gate_app_ports(m->app);
	const struct gate_app_instance *i = m->instance;
	struct gate_buf all = GATE_BUF_INIT;
	char name[128];

	for (size_t k = 0; k < i->n_ports && k < m->app->ports.n; k++) {
		env(m, "PORT%zu=%u", k, i->ports[k]);
		env(m, "PORT_%u=%u", p[k].port != 0 ? (unsigned)p[k].port : i->ports[k], i->ports[k]);
		if (p[k].name != NULL) {
			as_variable(p[k].name, name, sizeof(name));
			for (char *c = name; *c != '\0'; c++)
				*c = p[k].name[c - name] == '-' ? '-' : *c; /* Marathon keeps it */
			env(m, "PORT_%s=%u", name, i->ports[k]);
		}
		gate_buf_printf(&all, "%s%u", k > 0 ? "," : "", i->ports[k]);
	}
	if (all.len > 0) {
		env(m, "PORT=%u", i->ports[0]);
		env(m, "PORTS=%s", all.data);
	}
	m->failed |= all.failed;
	gate_buf_done(&all);
}

/* TaskBuilder.scala, in its order: what the app says wins. */
static void environment(struct maker *m)
{
	const struct gate_app *a = m->app;
	char version[32];

	/* A task in the host's own root has no image to take it from. */
	if (a->container == NULL || a->container->docker == NULL)
		env(m, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	gate_app_time(a->version_ms, version);
	env(m, "MESOS_TASK_ID=%s", m->instance->task_id);
	env(m, "MARATHON_APP_ID=%s", a->id);
	env(m, "MARATHON_APP_VERSION=%s", version);
	if (a->container != NULL && a->container->docker != NULL)
		env(m, "MARATHON_APP_DOCKER_IMAGE=%s", a->container->docker->image);
	env(m, "MARATHON_APP_RESOURCE_CPUS=%.15g", a->cpus);
	env(m, "MARATHON_APP_RESOURCE_MEM=%.15g", a->mem);
	env(m, "MARATHON_APP_RESOURCE_DISK=%.15g", a->disk);
	env(m, "MARATHON_APP_RESOURCE_GPUS=%lld", (long long)a->gpus);
	label_env(m);
	port_env(m);
	env(m, "HOST=%s", m->instance->host);
	for (size_t i = 0; i < a->env.n; i++)
		env(m, "%s=%s", a->env.at[i].key, a->env.at[i].value);
}

/* With cmd the shell is what runs, whatever the image's entrypoint is; args go behind the entrypoint. */
static void command(struct maker *m)
{
	const struct gate_app *a = m->app;
	struct gate_task *t = m->task;

	if (a->cmd != NULL) {
		t->has_entrypoint = true;
		ADD(m, t->args, "/bin/sh");
		ADD(m, t->args, "-c");
		ADD(m, t->args, keep(m, a->cmd));
	}
	for (size_t i = 0; i < a->args.n; i++)
		ADD(m, t->args, keep(m, a->args.at[i]));
	if (a->container != NULL && a->container->docker != NULL) {
		t->image = keep(m, a->container->docker->image);
		t->privileged = a->container->docker->privileged;
	}
}

static void limits(struct maker *m)
{
	const struct gate_app *a = m->app;
	struct gate_task *t = m->task;
	double cpus = a->limit_cpus.said ? a->limit_cpus.value : a->cpus;
	double mem = a->limit_mem.said ? a->limit_mem.value : a->mem;

	if (isolates(m, GATE_ISOLATE_CPU)) {
		uint64_t shares = (uint64_t)(a->cpus * SHARES_PER_CPU), quota = (uint64_t)(cpus * PERIOD_US);

		t->cpu_shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
		if (m->instance->cfs && !a->limit_cpus.unlimited) {
			t->cpu_quota_us = quota < 1000 ? 1000 : quota;
			t->cpu_period_us = PERIOD_US;
		}
	}
	if (isolates(m, GATE_ISOLATE_MEM) && !a->limit_mem.unlimited && mem > 0)
		t->memory = (uint64_t)(mem < LEAST_MEM_MIB ? LEAST_MEM_MIB : mem) << 20;
}

static void spaces(struct maker *m)
{
	const struct gate_app_linux *l = m->app->container == NULL ? NULL : m->app->container->linux_info;
	const struct gate_app_ipc_info *ipc = l == NULL ? NULL : l->ipc;
	static const struct gate_ns host = { GATE_NS_HOST, NULL };
	struct gate_task *t = m->task;

	/* networks: host, and with it the host's name, as in Mesos */
	t->network = host;
	t->uts = host;
	if (!isolates(m, GATE_ISOLATE_PID))
		t->pid = host;
	if (!isolates(m, GATE_ISOLATE_IPC) || (ipc != NULL && ipc->mode == GATE_IPC_SHARES_PARENT))
		t->ipc = host;
	if (ipc != NULL && ipc->shm_mib > 0)
		t->shm_size = (uint64_t)ipc->shm_mib << 20;
}

static void volumes(struct maker *m)
{
	const struct gate_app_container *c = m->app->container;
	const struct gate_app_volume *v = c == NULL ? NULL : c->volumes.at;

	for (size_t i = 0; c != NULL && i < c->volumes.n; i++)
		ADD(m, m->task->volumes,
		    ((struct gate_volume){ .kind = GATE_VOLUME_BIND,
		                           .source = keep(m, v[i].host_path),
		                           .target = keep(m, v[i].container_path),
		                           .read_only = v[i].mode == GATE_VOLUME_RO,
		                           .recursive = true }));
}

static int needs(const struct maker *m, struct gate_err *err)
{
	static const char off[] = "%s needs the isolator '%s', which the agent runs without";
	const struct gate_task *t = m->task;
	bool shm = t->shm_size != 0;

	if ((t->image != NULL || t->volumes.n > 0) && !isolates(m, GATE_ISOLATE_FILESYSTEM))
		return GATE_FAIL(err, GATE_E_INVALID, off, t->image != NULL ? "an image" : "a volume",
		                 "filesystem/linux");
	if (shm && !(isolates(m, GATE_ISOLATE_FILESYSTEM) && isolates(m, GATE_ISOLATE_IPC)))
		return GATE_FAIL(err, GATE_E_INVALID, off, "shmSize", "namespaces/ipc");
	return 0;
}

int gate_app_task(const struct gate_app *app, const struct gate_app_instance *i, struct gate_task *t,
                  struct gate_err *err)
{
	struct maker m = { app, i, t, false };

	t->isolation = i->isolation;
	t->no_new_privs = (t->isolation & 1U << GATE_ISOLATE_NNP) != 0; /* as Mesos' isolator: for every task */
	t->detach = true;
	t->terminal = app->tty;
	if (app->user != NULL)
		t->user = keep(&m, app->user);
	command(&m);
	environment(&m);
	limits(&m);
	spaces(&m);
	volumes(&m);
	for (size_t k = 0; k < app->labels.n; k++)
		ADD(&m, t->labels,
		    ((struct gate_pair){ keep(&m, app->labels.at[k].key), keep(&m, app->labels.at[k].value) }));
	t->stop_ms =
	    app->has_grace ? (uint32_t)(app->kill_grace_s > 4000000 ? 4000000000 : app->kill_grace_s * 1000) : GRACE_MS;
	if (m.failed)
		return GATE_FAIL_NOMEM(err);
	return needs(&m, err);
}

struct gate_app_choice gate_app_choice(const struct gate_app *app)
{
	const struct gate_app_linux *l = app->container == NULL ? NULL : app->container->linux_info;
	const struct gate_app_seccomp *s = l == NULL ? NULL : l->seccomp;

	if (s == NULL)
		return (struct gate_app_choice){ false, false, NULL };
	return (struct gate_app_choice){ true, s->unconfined, s->profile_name };
}
