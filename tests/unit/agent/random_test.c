/* Everything that can happen to the core, in random order: launches, ends, kills, refusals, lost keepers, boots, a full disk, a
 * clock that is set by hours, and the front killed anywhere, also between what it writes and what it does. The same seed is the
 * same run. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../random.h"
#include "make.h"

#define STEPS 2000
#define RUNS  12
#define MOST  1000 /* tasks of a run */

/* What the test was told. */
struct told {
	char name[16];
	bool acknowledged; /* its commit succeeded: it must never be lost */
	bool kill_asked;
};

struct run {
	struct test_random r;
	struct fake *f;
	struct told tasks[MOST];
	size_t n, changes, crashes, refused; /* changes: how often the owner was told of one; refused: commits */
	bool full;
	unsigned launches[MOST]; /* LAUNCH messages, over all lives of the front */
};
static struct run *run_now;

/* --- an owner that only looks --- */
static void changed(void *self, struct gate_agent_task *t, enum gate_state before)
{
	(void)self;
	/* STAGING is told of itself once, when the row is made; a KILLING that a full disk has kept from being written, later. */
	if (t->state != GATE_STATE_STAGING)
		assert_false(gate_state_ended(before));
	run_now->changes++;
}

static int open_owner(struct gate_agent *a, struct gate_err *err)
{
	static const struct gate_scheduler s = { .name = "test", .owner = GATE_OWNER_OPERATOR, .task = changed };

	return gate_agent_add(a, &s, err);
}

static gate_scheduler_open_fn *const owners[] = { open_owner, NULL };

/* --- invariants --- */
static size_t number_of(const struct run *x, const char *container)
{
	size_t i = (size_t)strtoul(container + 1, NULL, 10);

	assert_true(container[0] == 't' && i < x->n);
	return i;
}

static void count_launches(struct run *x)
{
	for (const struct fake_message *m = x->f->sent; m != NULL; m = m->next)
		if (m->type == GATE_IPC_LAUNCH)
			x->launches[number_of(x, m->container)]++;
	fake_forget(x->f);
	for (size_t i = 0; i < x->n; i++)
		assert_true(x->launches[i] <= 1); /* nothing is started twice */
}

static bool is_last(const char *data)
{
	static const char *const ends[] = { "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(ends); i++)
		if (strstr(data, ends[i]) != NULL)
			return true;
	return false;
}

/* Ids without a gap; each task begins with STAGING and has at most one end, which is its last event. */
static void check_events(const struct run *x, bool ended[MOST])
{
	struct gate_db_rows q;
	int64_t next = 1;
	int began[MOST] = { 0 }, runs[MOST] = { 0 };

	memset(ended, 0, MOST * sizeof(*ended));
	for (gate_db_query(x->f->db, &q, "SELECT id, data FROM events ORDER BY id", ""); gate_db_next(&q); next++) {
		const char *data = gate_db_text(&q, 1), *at = strstr(data, "\"containerId\": \"");

		assert_int_equal(gate_db_int(&q, 0), next);
		assert_non_null(at);
		size_t i = number_of(x, at + strlen("\"containerId\": \""));

		assert_false(ended[i]);
		if (strstr(data, "TASK_STAGING") != NULL)
			assert_int_equal(began[i]++, 0);
		assert_int_equal(began[i], 1);
		if (strstr(data, "TASK_RUNNING") != NULL)
			assert_int_equal(runs[i]++, 0);
		ended[i] = is_last(data);
	}
}

static void check_tasks(const struct run *x, const bool ended[MOST])
{
	struct gate_db_rows q;
	size_t rows = 0, tasks = 0;

	for (gate_db_query(x->f->db, &q, "SELECT container, state FROM tasks", ""); gate_db_next(&q); rows++) {
		const struct gate_agent_task *t = gate_tasks_container(x->f->agent, gate_db_text(&q, 0));
		size_t i = number_of(x, gate_db_text(&q, 0));

		assert_non_null(t);
		assert_true(x->tasks[i].acknowledged); /* nothing half done is seen */
		/* A kill that the disk has not taken yet is known in memory only. */
		if (t->state != GATE_STATE_KILLING)
			assert_int_equal(gate_db_int(&q, 1), t->state);
		assert_int_equal(gate_state_ended((enum gate_state)gate_db_int(&q, 1)), ended[i]);
	}
	for (const struct gate_agent_task *t = gate_tasks_first(x->f->agent); t != NULL; t = t->next)
		tasks++;
	assert_int_equal(rows, tasks);
	for (size_t i = 0; i < x->n; i++) /* lost is nothing but what has ended and was collected */
		if (x->tasks[i].acknowledged && gate_tasks_container(x->f->agent, x->tasks[i].name) == NULL)
			assert_true(ended[i]);
}

static void check(struct run *x)
{
	bool ended[MOST];

	count_launches(x);
	check_events(x, ended);
	check_tasks(x, ended);
}

/* --- steps --- */
static void add_one(struct run *x)
{
	struct told *t = &x->tasks[x->n];

	if (x->n == MOST)
		return;
	(void)snprintf(t->name, sizeof(t->name), "t%zu", x->n++);
	gate_agent_begin(x->f->agent);
	assert_non_null(make_task(x->f, t->name, (struct gate_new_task){ 0 }, NULL));
	if (test_below(&x->r, 10) == 0)
		gate_agent_abort(x->f->agent);
	else
		t->acknowledged = gate_agent_commit(x->f->agent, NULL) == 0;
	assert_true(!x->full || !t->acknowledged);
	x->refused += !t->acknowledged;
	if (test_below(&x->r, 2) == 0)
		fake_turn(x->f);
}

static struct fake_container *some_container(struct run *x)
{
	struct fake_container *c = x->f->containers;
	size_t n = 0;

	for (struct fake_container *at = c; at != NULL; at = at->next)
		n++;
	for (n = n == 0 ? 0 : test_below(&x->r, (uint32_t)n); n > 0; n--)
		c = c->next;
	return c;
}

static void container_moves(struct run *x)
{
	static const int statuses[] = { 0, 1 << 8, 3 << 8, SIGKILL, SIGTERM, SIGSEGV | 0x80 };
	struct fake_container *c = some_container(x);
	char name[sizeof(c->is.name)];

	if (c == NULL || c->is.lost != 0)
		return;
	(void)strcpy(name, c->is.name); /* answers may remove it */
	if (c->is.record.state == GATE_TASK_CREATED) {
		switch (c->launch == 0 ? 3 : test_below(&x->r, 6)) {
		case 0:
			fake_refuses(x->f, name, "no");
			return;
		case 1:
			fake_not_started(x->f, name, "no");
			return;
		case 2:
			fake_ends(x->f, name, 0);
			return;
		default:
			fake_starts(x->f, name);
			return;
		}
	}
	if (c->is.record.state == GATE_TASK_ENDED)
		return;
	if (test_below(&x->r, 3) == 0)
		fake_ends_denied(x->f, name, SIGSYS, 101);
	else
		fake_ends(x->f, name, statuses[test_below(&x->r, GATE_ARRAY_LEN(statuses))]);
}

static void kill_one(struct run *x)
{
	struct told *t = x->n == 0 ? NULL : &x->tasks[test_below(&x->r, (uint32_t)x->n)];
	struct gate_agent_task *task = t == NULL ? NULL : gate_tasks_container(x->f->agent, t->name);

	if (task == NULL)
		return;
	gate_agent_begin(x->f->agent);
	gate_tasks_kill(x->f->agent, task, SIGTERM, 100);
	(void)gate_agent_commit(x->f->agent, NULL);
	if (test_below(&x->r, 2) == 0)
		fake_turn(x->f);
}

static void change_disk(struct run *x)
{
	x->full = !x->full && test_below(&x->r, 3) == 0;
	fake_full(x->f, x->full);
}

static void start_again(struct run *x)
{
	struct gate_err err = GATE_ERR_INIT;

	/* A disk that is full cannot be read from in query_only mode either way: loading only reads. */
	if (fake_try_boot(x->f, &err) < 0)
		fail_msg("%s", err.text);
	for (uint32_t turns = test_below(&x->r, 3); turns > 0; turns--)
		(void)gate_agent_turn(x->f->agent);
	if (test_below(&x->r, 3) != 0)
		fake_turn(x->f);
}

static void crash(struct run *x)
{
	fake_crash(x->f);
	x->crashes++;
	for (struct fake_container *c = x->f->containers; c != NULL; c = c->next)
		if (c->is.record.state != GATE_TASK_ENDED && test_below(&x->r, 10) == 0)
			fake_loses(x->f, c->is.name, test_below(&x->r, 2) == 0);
	start_again(x);
}

static void step(struct run *x)
{
	uint32_t what = test_below(&x->r, 100);

	if (!gate_agent_recovered(x->f->agent) && what < 90) {
		fake_turn(x->f); /* before that nobody can ask for anything */
		if (!gate_agent_recovered(x->f->agent))
			fake_advance(x->f, 500);
		if (x->full)
			change_disk(x);
	} else if (what < 30) {
		add_one(x);
	} else if (what < 70) {
		container_moves(x);
	} else if (what < 80) {
		kill_one(x);
	} else if (what < 86) {
		change_disk(x);
	} else if (what < 91) {
		fake_advance(x->f, test_below(&x->r, 3000));
	} else if (what < 92) {
		x->f->wall += ((int64_t)test_below(&x->r, 96) - 48) * 3600000; /* the clock is set */
		fake_turn(x->f);
	} else {
		crash(x);
	}
}

/* In the end everything is as it should be: what runs is wanted, what ended has said so. */
static void settle(struct run *x)
{
	x->full = false;
	fake_full(x->f, false);
	fake_crash(x->f);
	fake_boot(x->f);
	fake_advance(x->f, 5000);
	check(x);
	for (struct fake_container *c = x->f->containers; c != NULL; c = c->next) {
		const struct gate_agent_task *t = gate_tasks_container(x->f->agent, c->is.name);

		if (t == NULL || (gate_state_ended(t->state) && c->is.record.state == GATE_TASK_RUNNING))
			assert_true(c->is.starting != 0 || fake_sent(x->f, GATE_IPC_KILL, c->is.name) > 0 || c->is.lost != 0);
		else if (c->is.record.state == GATE_TASK_RUNNING && c->is.lost == 0)
			assert_true(t->state == GATE_STATE_RUNNING || t->state == GATE_STATE_KILLING);
	}
	for (bool any = true; any;) {
		any = false;
		for (struct fake_container *c = x->f->containers; c != NULL && !any; c = c->next)
			if (c->is.lost == 0 && c->is.record.state != GATE_TASK_ENDED) {
				fake_ends(x->f, c->is.name, 0);
				any = true;
			}
	}
	for (const struct gate_agent_task *t = gate_tasks_first(x->f->agent); t != NULL; t = t->next)
		assert_true(gate_state_ended(t->state));
	check(x);
}

static void one_run(uint64_t seed, uint64_t gc_delay_ms)
{
	struct run x = { .r = { seed } };

	run_now = &x;
	x.f = fake_new(owners, NULL);
	x.f->config.gc_delay_ms = gc_delay_ms;
	fake_boot(x.f);
	for (int i = 0; i < STEPS; i++) {
		step(&x);
		check(&x);
	}
	settle(&x);
	assert_true(x.changes > x.n);

	assert_true(x.n > STEPS / 20 && x.crashes > 5 && x.refused > 5); /* it was about something */
	fake_close(x.f);
}

static void nothing_is_lost_doubled_or_told_out_of_order(void **state)
{
	struct test_random r = test_random_start(20261123);

	(void)state;
	for (int i = 0; i < RUNS; i++)
		one_run(test_next(&r), i % 2 == 0 ? UINT64_C(604800000) : 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_doubled_or_told_out_of_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
