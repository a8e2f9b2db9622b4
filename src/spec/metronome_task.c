/* One task of a run. */
#include "spec/metronome_parts.h"

/* Mesos' cgroups/cpu: 1024 shares a processor, at least 2; a quota of each 100 ms period, at least 1 ms. */
#define SHARES_PER_CPU 1024
#define PERIOD_US      100000
/* Mesos' executor waits that long when nobody says otherwise. */
#define GRACE_MS 3000

struct maker {
	const struct gate_job *job;
	const struct gate_job_run *run;
	const struct gate_job_launch *launch;
	struct gate_task *task;
	bool failed;
};

static const char *keep(struct maker *m, const char *text)
{
	const char *copy = gate_arena_text(&m->task->arena, text, strlen(text));

	m->failed |= copy == NULL;
	return copy;
}

#define ADD(m, list, ...)                                                                                              \
	do {                                                                                                           \
		if (gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)) < 0)                              \
			(m)->failed = true;                                                                            \
		else                                                                                                   \
			(list).at[(list).n++] = (__VA_ARGS__);                                                         \
	} while (0)

static bool isolates(const struct maker *m, enum gate_isolator i)
{
	return (m->launch->isolation >> i & 1) != 0;
}

static const char *image_of(const struct gate_job_run *r)
{
	return r->docker != NULL ? r->docker->image : r->ucr != NULL ? r->ucr->image->id : NULL;
}

__attribute__((format(printf, 2, 3))) static void env(struct maker *m, const char *format, ...)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&b, format, ap);
	va_end(ap);
	if (b.failed)
		m->failed = true;
	else
		ADD(m, m->task->env, keep(m, b.data));
}

/* What the job says wins. */
static void environment(struct maker *m)
{
	const struct gate_job_run *r = m->run;

	/* A task in the host's own root has no image to take it from. */
	if (image_of(r) == NULL)
		env(m, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env(m, "MESOS_TASK_ID=%s", m->launch->task_id);
	env(m, "METRONOME_JOB_ID=%s", m->job->id);
	env(m, "METRONOME_RUN_ID=%s", m->launch->run_id);
	for (size_t i = 0; i < r->env.n; i++)
		env(m, "%s=%s", r->env.at[i].key, r->env.at[i].value);
}

/* With cmd the shell is what runs, whatever the image's entrypoint is; args go behind the entrypoint. */
static void command(struct maker *m)
{
	const struct gate_job_run *r = m->run;
	struct gate_task *t = m->task;

	if (r->cmd != NULL) {
		t->has_entrypoint = true;
		ADD(m, t->args, "/bin/sh");
		ADD(m, t->args, "-c");
		ADD(m, t->args, keep(m, r->cmd));
	}
	for (size_t i = 0; i < r->args.n; i++)
		ADD(m, t->args, keep(m, r->args.at[i]));
	if (image_of(r) != NULL)
		t->image = keep(m, image_of(r));
	t->privileged = (r->docker != NULL && r->docker->privileged) || (r->ucr != NULL && r->ucr->privileged);
}

static void limits(struct maker *m)
{
	const struct gate_job_run *r = m->run;
	struct gate_task *t = m->task;

	if (isolates(m, GATE_ISOLATE_CPU)) {
		double shares = r->cpus * SHARES_PER_CPU;

		t->cpu_shares = shares < 2 ? 2 : shares > 262144 ? 262144 : (uint64_t)shares;
	}
	if (isolates(m, GATE_ISOLATE_CPU) && m->launch->cfs) {
		double quota = r->cpus * PERIOD_US;

		t->cpu_quota_us = quota < 1000 ? 1000 : (uint64_t)quota;
		t->cpu_period_us = PERIOD_US;
	}
	if (isolates(m, GATE_ISOLATE_MEM))
		t->memory = (uint64_t)r->mem << 20;
}

static void spaces(struct maker *m)
{
	static const struct gate_ns host = { GATE_NS_HOST, NULL };
	const struct gate_job_network *n = m->run->networks.at;
	struct gate_task *t = m->task;

	/* As in Mesos: the host's network, and with it the host's name, unless a network is joined. The only one is "none". */
	if (m->run->networks.n == 0 || n->mode == GATE_JOB_NET_HOST || !isolates(m, GATE_ISOLATE_NETWORK))
		t->network = host;
	if (t->network.mode == GATE_NS_HOST || !isolates(m, GATE_ISOLATE_UTS))
		t->uts = host;
	if (!isolates(m, GATE_ISOLATE_PID))
		t->pid = host;
	if (!isolates(m, GATE_ISOLATE_IPC))
		t->ipc = host;
}

static void volumes(struct maker *m)
{
	const struct gate_job_volume *v = m->run->volumes.at;

	for (size_t i = 0; i < m->run->volumes.n; i++)
		ADD(m, m->task->volumes,
		    (struct gate_volume){ .kind = GATE_VOLUME_BIND,
		                          .source = keep(m, v[i].host_path),
		                          .target = keep(m, v[i].container_path),
		                          .read_only = v[i].mode == 1,
		                          .recursive = true });
}

static int needs(const struct maker *m, struct gate_err *err)
{
	static const char off[] = "%s needs the isolator '%s', which the agent runs without";
	const struct gate_task *t = m->task;

	if ((t->image != NULL || t->volumes.n > 0) && !isolates(m, GATE_ISOLATE_FILESYSTEM))
		return GATE_FAIL(err, GATE_E_INVALID, off, t->image != NULL ? "an image" : "a volume",
		                 "filesystem/linux");
	if (t->privileged && !isolates(m, GATE_ISOLATE_CAPABILITIES))
		return GATE_FAIL(err, GATE_E_INVALID, off, "privileged", "linux/capabilities");
	if (m->run->networks.n > 0 &&
	    ((const struct gate_job_network *)m->run->networks.at)->mode != GATE_JOB_NET_HOST &&
	    !isolates(m, GATE_ISOLATE_NETWORK))
		return GATE_FAIL(err, GATE_E_INVALID, off, "the network 'none'", "namespaces/network");
	return 0;
}

int gate_job_task(const struct gate_job *job, const struct gate_job_launch *l, struct gate_task *t,
                  struct gate_err *err)
{
	struct maker m = { job, job->run, l, t, false };

	t->isolation = l->isolation;
	t->no_new_privs = (t->isolation & 1U << GATE_ISOLATE_NNP) != 0; /* as Mesos' isolator: for every task */
	t->detach = true;
	if (job->run->user != NULL)
		t->user = keep(&m, job->run->user);
	command(&m);
	environment(&m);
	limits(&m);
	spaces(&m);
	volumes(&m);
	for (size_t i = 0; i < job->labels.n; i++)
		ADD(&m, t->labels,
		    (struct gate_pair){ keep(&m, job->labels.at[i].key), keep(&m, job->labels.at[i].value) });
	t->stop_ms = job->run->grace_s > 0 ? (uint32_t)(job->run->grace_s * 1000) : GRACE_MS;
	if (m.failed)
		return GATE_FAIL_NOMEM(err);
	return needs(&m, err);
}
