#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/schema.h"
#include "fake.h"

#define AUDIT_X86_64 0xc000003eU
#define KILL_PROCESS 0x80000000U

struct fake *fake_now;

static int64_t wall_ms(void *ctx)
{
	return ((struct fake *)ctx)->wall;
}

static int64_t now_ms(void *ctx)
{
	return ((struct fake *)ctx)->now;
}

static void chance(void *ctx, void *bytes, size_t n)
{
	struct fake *f = ctx;
	uint8_t *at = bytes;

	while (n-- > 0) {
		f->seed = f->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		*at++ = (uint8_t)(f->seed >> 56);
	}
}

static void hear_log(void *ctx, const char *line)
{
	struct fake *f = ctx;
	size_t used = strlen(f->log);

	(void)snprintf(f->log + used, sizeof(f->log) - used, "%s\n", line);
}

static int send_message(void *ctx, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
                        int fd)
{
	struct fake *f = ctx;

	if (f->unreachable)
		return -1;
	struct fake_message *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	*m = (struct fake_message){ .type = type, .serial = serial, .a = a, .b = b };
	assert_true(len <= GATE_IPC_NAME_MAX);
	if (len > 0)
		memcpy(m->container, bytes, len);
	if (fd >= 0) {
		const void *map;
		struct gate_err err = GATE_ERR_INIT;

		if (gate_ipc_map(fd, GATE_WIRE_MAX, &map, &m->len, &err) < 0)
			fail_msg("%s", err.text);
		m->bytes = malloc(m->len);
		assert_non_null(m->bytes);
		memcpy(m->bytes, map, m->len);
		gate_ipc_unmap(map, m->len);
	}
	*f->sent_end = m;
	f->sent_end = &m->next;
	return 0;
}

static int open_it(void *ctx, enum gate_ipc_open what, const void *bytes, size_t len, int *fd, struct gate_err *err)
{
	struct fake *f = ctx;

	if (f->open != NULL)
		return f->open(what, bytes, len, fd, err);
	return GATE_FAIL(err, GATE_E_NOTFOUND, "'%.*s' is not there", (int)len, (const char *)bytes);
}

static int measure(void *ctx, const char *container, struct gate_ipc_stats *ret, struct gate_err *err)
{
	struct fake *f = ctx;

	for (struct fake_container *c = f->containers; c != NULL; c = c->next) {
		if (strcmp(c->is.name, container) != 0)
			continue;
		*ret = (struct gate_ipc_stats){
			.at_ms = f->wall, .cpu_user_us = 1000, .memory = 1 << 20, .memory_limit = 32 << 20, .processes = 1
		};
		return 0;
	}
	return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not there", container);
}

/* --- telling the agent --- */
static void hear(struct fake *f, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len)
{
	struct gate_ipc m = { .head = { .type = type, .serial = serial, .a = a, .b = b, .len = (uint32_t)len }, .fds = { -1, -1 } };

	assert_true(len <= sizeof(m.bytes));
	if (len > 0)
		memcpy(m.bytes, bytes, len);
	gate_agent_heard(f->agent, &m);
}

static struct fake_container *find(const struct fake *f, const char *name)
{
	for (struct fake_container *c = f->containers; c != NULL; c = c->next)
		if (strcmp(c->is.name, name) == 0)
			return c;
	return NULL;
}

struct fake_container *fake_container(struct fake *f, const char *name)
{
	struct fake_container *c = find(f, name);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	(void)snprintf(c->is.name, sizeof(c->is.name), "%s", name);
	(void)snprintf(c->is.id, sizeof(c->is.id), "%064x", f->next_pid);
	c->is.record = (struct gate_record){ .magic = GATE_RECORD_MAGIC,
		                             .version = GATE_RECORD_VERSION,
		                             .size = sizeof(struct gate_record),
		                             .state = GATE_TASK_CREATED,
		                             .pid = f->next_pid++,
		                             .created_ns = (uint64_t)f->wall * 1000000 };
	c->next = f->containers;
	f->containers = c;
	return c;
}

static struct fake_container *known(struct fake *f, const char *name)
{
	struct fake_container *c = find(f, name);

	if (c == NULL)
		fail_msg("the launcher has no container '%s'", name);
	return c;
}

static void remove_container(struct fake *f, const char *name)
{
	for (struct fake_container **at = &f->containers; *at != NULL; at = &(*at)->next) {
		struct fake_container *c = *at;

		if (strcmp(c->is.name, name) != 0)
			continue;
		*at = c->next;
		free(c);
		return;
	}
}

static void launched(struct fake *f, struct fake_container *c)
{
	c->is.starting = 0;
	hear(f, GATE_IPC_LAUNCHED, c->launch, 0, 0, &c->is, sizeof(c->is));
	c->launch = 0;
}

static void runs(struct fake *f, struct fake_container *c)
{
	c->is.starting = 0;
	c->is.record.state = GATE_TASK_RUNNING;
	c->is.record.started_ns = (uint64_t)f->wall * 1000000;
}

static void ends(struct fake *f, struct fake_container *c, int wait_status)
{
	struct gate_record *r = &c->is.record;

	if (r->state == GATE_TASK_CREATED)
		runs(f, c);
	r->state = GATE_TASK_ENDED;
	r->ended_ns = (uint64_t)f->wall * 1000000;
	r->outcome = WIFSIGNALED(wait_status) ? GATE_OUTCOME_KILLED : GATE_OUTCOME_EXITED;
	r->status = WIFSIGNALED(wait_status) ? 0 : WEXITSTATUS(wait_status);
	r->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	r->core = WIFSIGNALED(wait_status) && WCOREDUMP(wait_status);
}

static void tell_end(struct fake *f, struct fake_container *c)
{
	if (c->launch != 0)
		launched(f, c);
	hear(f, GATE_IPC_ENDED, 0, 0, 0, &c->is, sizeof(c->is));
	fake_turn(f);
}

void fake_starts(struct fake *f, const char *container)
{
	struct fake_container *c = known(f, container);

	runs(f, c);
	launched(f, c);
	fake_turn(f);
}

void fake_ends(struct fake *f, const char *container, int wait_status)
{
	struct fake_container *c = known(f, container);

	ends(f, c, wait_status);
	tell_end(f, c);
}

void fake_ends_denied(struct fake *f, const char *container, int wait_status, uint32_t nr)
{
	struct fake_container *c = known(f, container);
	struct gate_record *r = &c->is.record;

	ends(f, c, wait_status);
	r->n_denials = 1;
	r->denials[0] = (struct gate_record_denial){
		.arch = AUDIT_X86_64, .nr = nr, .action = KILL_PROCESS, .sig = 31, .count = 1, .pid = r->pid, .main = 1
	};
	(void)strcpy(r->denials[0].comm, "sleep");
	(void)strcpy(r->denials[0].exe, "/bin/sleep");
	tell_end(f, c);
}

void fake_ends_with(struct fake *f, const char *container, const struct gate_record *r)
{
	struct fake_container *c = known(f, container);

	c->is.record = *r;
	tell_end(f, c);
}

void fake_not_started(struct fake *f, const char *container, const char *why)
{
	struct fake_container *c = known(f, container);

	c->is.record.state = GATE_TASK_ENDED;
	c->is.record.outcome = GATE_OUTCOME_NOT_STARTED;
	c->is.record.ended_ns = (uint64_t)f->wall * 1000000;
	(void)snprintf(c->is.why, sizeof(c->is.why), "%s", why);
	launched(f, c);
	fake_turn(f);
}

void fake_refuses(struct fake *f, const char *container, const char *why)
{
	uint64_t serial = known(f, container)->launch;

	assert_true(serial != 0);
	remove_container(f, container);
	hear(f, GATE_IPC_REFUSED, serial, GATE_E_INVALID, 0, why, strlen(why));
	fake_turn(f);
}

void fake_loses(struct fake *f, const char *container, bool rebooted)
{
	struct fake_container *c = known(f, container);

	c->is.starting = 0;
	c->is.lost = 1;
	c->is.rebooted = rebooted;
}

void fake_removes(struct fake *f, const char *container)
{
	(void)known(f, container);
	remove_container(f, container);
}

static void answer_exec(struct fake *f, const char *container, uint32_t type, int64_t a, int64_t b, const char *text)
{
	for (struct fake_message *m = f->sent; m != NULL; m = m->next) {
		if (m->type != GATE_IPC_EXEC || strcmp(m->container, container) != 0 || m->serial == 0)
			continue;
		uint64_t serial = m->serial;

		m->serial = 0;
		hear(f, type, serial, a, b, text, strlen(text));
		fake_turn(f);
		return;
	}
	fail_msg("no exec in '%s' waits for its end", container);
}

void fake_exec_ends(struct fake *f, const char *container, int wait_status, bool timed_out, const char *text)
{
	answer_exec(f, container, GATE_IPC_EXEC_DONE, wait_status, timed_out, text);
}

void fake_exec_refused(struct fake *f, const char *container, const char *why)
{
	answer_exec(f, container, GATE_IPC_REFUSED, GATE_E_INVALID, 0, why);
}

/* --- the launcher's side of requests --- */
static void do_launch(struct fake *f, const struct fake_message *m)
{
	if (find(f, m->container) != NULL) {
		hear(f, GATE_IPC_REFUSED, m->serial, GATE_E_CONFLICT, 0, "it is there already", 19);
		return;
	}
	struct fake_container *c = fake_container(f, m->container);

	c->launch = m->serial;
	c->is.starting = 1;
	if (!f->starts_itself)
		return;
	runs(f, c);
	launched(f, c);
}

static void do_kill(struct fake *f, const struct fake_message *m)
{
	struct fake_container *c = find(f, m->container);

	if (f->no_keepers) {
		hear(f, GATE_IPC_REFUSED, m->serial, GATE_E_SYS, 0, "no descriptors", 14);
		return;
	}
	if (c == NULL || c->is.record.state != GATE_TASK_RUNNING) {
		hear(f, GATE_IPC_REFUSED, m->serial, GATE_E_NOTFOUND, 0, "not running", 11);
		return;
	}
	hear(f, GATE_IPC_DONE, m->serial, 0, 0, NULL, 0);
	if (!f->starts_itself)
		return;
	ends(f, c, m->a == 0 ? 15 : (int)m->a);
	c->is.record.by_stop = 1;
	hear(f, GATE_IPC_ENDED, 0, 0, 0, &c->is, sizeof(c->is));
}

static void do_inventory(struct fake *f, const struct fake_message *m)
{
	for (struct fake_container *c = f->containers; c != NULL; c = c->next)
		hear(f, GATE_IPC_TASK, m->serial, 0, 0, &c->is, sizeof(c->is));
	hear(f, GATE_IPC_DONE, m->serial, 0, 0, NULL, 0);
}

static void serve(struct fake *f, struct fake_message *m)
{
	switch (m->type) {
	case GATE_IPC_LAUNCH:
		do_launch(f, m);
		return;
	case GATE_IPC_KILL:
		do_kill(f, m);
		return;
	case GATE_IPC_REMOVE:
		remove_container(f, m->container);
		hear(f, GATE_IPC_DONE, m->serial, 0, 0, NULL, 0);
		return;
	case GATE_IPC_INVENTORY:
		do_inventory(f, m);
		return;
	default:
		return;
	}
}

/* The launcher reads what is new, the agent what comes of it, until both have nothing more. */
void fake_turn(struct fake *f)
{
	int64_t next;

	for (int rounds = 0;; rounds++) {
		struct fake_message **seen = f->sent_end;

		assert_true(rounds < 10000);
		next = gate_agent_turn(f->agent);
		if (*seen == NULL && next > f->now)
			return;
		for (struct fake_message *m = *seen; m != NULL; m = m->next)
			serve(f, m);
	}
}

void fake_advance(struct fake *f, int64_t ms)
{
	int64_t end = f->now + ms;

	for (;;) {
		int64_t next = gate_agent_turn(f->agent), step;

		fake_turn(f);
		next = gate_agent_turn(f->agent);
		step = (next < end ? next : end) - f->now;
		if (step <= 0 && f->now >= end)
			return;
		f->now += step;
		f->wall += step;
	}
}

void fake_full(struct fake *f, bool full)
{
	if (full)
		gate_db_run(f->db, "PRAGMA query_only=1", "");
	else
		gate_db_run(f->db, "PRAGMA query_only=0", "");
}

/* --- what was sent --- */
size_t fake_sent(const struct fake *f, uint32_t type, const char *container)
{
	size_t n = 0;

	for (struct fake_message *m = f->sent; m != NULL; m = m->next)
		n += m->type == type && (container == NULL || strcmp(m->container, container) == 0);
	return n;
}

struct fake_message *fake_message(const struct fake *f, uint32_t type, const char *container)
{
	struct fake_message *last = NULL;

	for (struct fake_message *m = f->sent; m != NULL; m = m->next)
		if (m->type == type && (container == NULL || strcmp(m->container, container) == 0))
			last = m;
	return last;
}

const char *fake_last(const struct fake *f, uint32_t type)
{
	struct fake_message *m = fake_message(f, type, NULL);

	if (m == NULL)
		fail_msg("no message of type %u was sent", type);
	return m->container;
}

void fake_forget(struct fake *f)
{
	while (f->sent != NULL) {
		struct fake_message *m = f->sent;

		f->sent = m->next;
		free(m->bytes);
		free(m);
	}
	f->sent_end = &f->sent;
}

void fake_task(const struct fake *f, const char *container, struct gate_task *t, struct gate_wire_profile *p)
{
	struct fake_message *m = fake_message(f, GATE_IPC_LAUNCH, container);
	struct gate_err err = GATE_ERR_INIT;

	assert_non_null(m);
	gate_task_init(t);
	if (gate_wire_read_task(m->bytes, m->len, t, p, &err) < 0)
		fail_msg("%s", err.text);
}

/* --- life --- */
static const struct gate_config usual = {
	.isolation = GATE_ISOLATE_ALL,
	.isolation_text = "linux/seccomp",
	.profile_name = "default.json",
	.hostname = "host.example",
	.state_dir = "/var/lib/callgate",
	.version = "0.0.0",
	.caps = GATE_TASK_DEFAULT_CAPS,
	.cpus = 4,
	.mem_mib = 8192,
	.disk_mib = 10000,
	.port_low = 31000,
	.port_high = 32000,
	.gc_delay_ms = UINT64_C(604800000),
	.strict = true,
};

struct fake *fake_new(gate_scheduler_open_fn *const *schedulers, const char *path)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct gate_err err = GATE_ERR_INIT;

	assert_non_null(f);
	f->config = usual;
	f->now = 1000;
	f->wall = FAKE_WALL;
	f->seed = 1;
	f->sent_end = &f->sent;
	f->schedulers = schedulers;
	f->rights = GATE_RIGHT_ALL;
	f->next_pid = 100;
	f->place = "web.json:40:9";
	if (gate_db_open(path != NULL ? path : ":memory:", &gate_schema, &f->db, &err) < 0)
		fail_msg("%s", err.text);
	fake_now = f;
	return f;
}

int fake_try_boot(struct fake *f, struct gate_err *err)
{
	const struct gate_world w = { wall_ms, now_ms, chance, send_message, open_it, measure, hear_log, f };

	if (gate_agent_open(NULL, f->db, &f->config, &w, &f->agent, err) < 0)
		return -1;
	fake_routes(f, gate_agent_routes, f->agent);
	for (gate_scheduler_open_fn *const *s = f->schedulers; s != NULL && *s != NULL; s++)
		if ((*s)(f->agent, err) < 0)
			return -1;
	for (size_t i = 0; gate_agent_scheduler(f->agent, i) != NULL; i++) {
		const struct gate_scheduler *s = gate_agent_scheduler(f->agent, i);

		if (s->routes != NULL)
			fake_routes(f, s->routes, s->self);
	}
	return gate_agent_recover(f->agent, err);
}

void fake_boot(struct fake *f)
{
	struct gate_err err = GATE_ERR_INIT;

	if (fake_try_boot(f, &err) < 0)
		fail_msg("%s", err.text);
	fake_turn(f);
}

struct fake *fake_open(gate_scheduler_open_fn *const *schedulers, const char *path)
{
	struct fake *f = fake_new(schedulers, path);

	fake_boot(f);
	assert_true(gate_agent_recovered(f->agent));
	return f;
}

void fake_crash(struct fake *f)
{
	if (gate_db_in(f->db))
		gate_db_rollback(f->db);
	gate_agent_close(f->agent);
	f->agent = NULL;
	while (f->routes != NULL) {
		struct fake_route *r = f->routes;

		f->routes = r->next;
		free(r);
	}
	/* Whoever asked is gone: the answer goes to the next front with serial 0. */
	for (struct fake_container *c = f->containers; c != NULL; c = c->next)
		c->launch = 0;
}

void fake_restart(struct fake *f)
{
	fake_crash(f);
	fake_boot(f);
}

void fake_close(struct fake *f)
{
	if (f->agent != NULL)
		fake_crash(f);
	gate_db_close(f->db);
	fake_forget(f);
	while (f->containers != NULL)
		remove_container(f, f->containers->is.name);
	free(f);
}
