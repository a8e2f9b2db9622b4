#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/loop.h"
#include "../random.h"

static struct gate_loop *loop;
static int order[256], n_order;

struct numbered {
	struct gate_timer t;
	int number;
};

static void note(void *ctx)
{
	order[n_order++] = ((struct numbered *)ctx)->number;
}

static void stop(void *ctx)
{
	(void)ctx;
	gate_loop_stop(loop);
}

static void run_for(int64_t ms)
{
	struct gate_timer end = { .fn = stop };

	assert_int_equal(gate_timer_set(loop, &end, gate_loop_now() + ms, NULL), 0);
	assert_int_equal(gate_loop_run(loop, NULL, NULL, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	n_order = 0;
	return gate_loop_open(&loop, NULL);
}

static int teardown(void **state)
{
	(void)state;
	gate_loop_close(loop);
	return 0;
}

static void timers_fire_in_their_order_whatever_that_of_setting(void **state)
{
	struct test_random r = test_random_start(7);
	struct numbered timers[100] = { 0 };
	int64_t now = gate_loop_now();
	bool cleared[100] = { false };
	int left = 0;

	(void)state;
	for (int i = 0; i < 300; i++) { /* set, set anew, clear, at random */
		int k = (int)test_below(&r, 100);

		timers[k].t.fn = note;
		timers[k].t.ctx = &timers[k];
		timers[k].number = k;
		if (test_below(&r, 4) == 0) {
			gate_timer_clear(&timers[k].t);
			cleared[k] = true;
		} else {
			assert_int_equal(gate_timer_set(loop, &timers[k].t, now + test_below(&r, 20), NULL), 0);
			cleared[k] = false;
		}
	}
	for (int i = 0; i < 100; i++)
		left += timers[i].t.place != 0;
	run_for(30);
	assert_int_equal(n_order, left);
	for (int i = 0; i < n_order; i++) {
		assert_false(cleared[order[i]]);
		assert_int_equal(timers[order[i]].t.place, 0);
		assert_true(i == 0 || timers[order[i - 1]].t.at_ms <= timers[order[i]].t.at_ms);
	}
}

static void again(void *ctx)
{
	struct numbered *t = ctx;

	note(ctx);
	if (n_order < 5)
		assert_int_equal(gate_timer_set(loop, &t->t, 0, NULL), 0); /* long over */
}

static void a_timer_may_set_itself_anew(void **state)
{
	struct numbered t = { .t = { .fn = again, .ctx = &t } };

	(void)state;
	assert_int_equal(gate_timer_set(loop, &t.t, gate_loop_now(), NULL), 0);
	run_for(20);
	assert_int_equal(n_order, 5);
}

static struct gate_watch *watches[2];
static int reads;

static void read_one(void *ctx, uint32_t events)
{
	int *fd = ctx;
	char c;

	assert_true((events & EPOLLIN) != 0);
	assert_int_equal(read(*fd, &c, 1), 1);
	reads++;
	/* Both are ready: the other one must not be called any more. */
	gate_loop_unwatch(watches[0]);
	gate_loop_unwatch(watches[1]);
	watches[0] = watches[1] = NULL;
}

static void a_watch_may_be_removed_while_events_are_told(void **state)
{
	int a[2], b[2];

	(void)state;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(gate_loop_watch(loop, a[0], EPOLLIN, read_one, &a[0], &watches[0], NULL), 0);
	assert_int_equal(gate_loop_watch(loop, b[0], EPOLLIN, read_one, &b[0], &watches[1], NULL), 0);
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	run_for(20);
	assert_int_equal(reads, 1);
	for (int i = 0; i < 2; i++) {
		(void)close(a[i]);
		(void)close(b[i]);
	}
}

static int rounds;

static void count_rounds(void *ctx)
{
	(void)ctx;
	if (++rounds == 3)
		gate_loop_stop(loop);
	else
		assert_int_equal(gate_timer_set(loop, ctx, gate_loop_now() + 1, NULL), 0);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void what_is_to_be_done_before_waiting_is_done_each_round(void **state)
{
	struct gate_timer t = { .fn = nothing };

	(void)state;
	assert_int_equal(gate_loop_run(loop, count_rounds, &t, NULL), 0);
	assert_int_equal(rounds, 3);
}

static void closing_forgets_timers(void **state)
{
	struct gate_loop *other;
	struct gate_timer t = { .fn = nothing };

	(void)state;
	assert_int_equal(gate_loop_open(&other, NULL), 0);
	assert_int_equal(gate_timer_set(other, &t, 1, NULL), 0);
	gate_loop_close(other);
	assert_int_equal(t.place, 0);
	gate_timer_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_fire_in_their_order_whatever_that_of_setting, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_may_set_itself_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_watch_may_be_removed_while_events_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_to_be_done_before_waiting_is_done_each_round, setup, teardown),
		cmocka_unit_test(closing_forgets_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
