/* What clients may ask: exactly that, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "keeper/keeper.h"

static int ask(uint32_t type, uint64_t a, uint64_t b, uint32_t bytes)
{
	static struct {
		struct gate_frame head;
		unsigned char bytes[GATE_FRAME_BYTES_MAX + 1];
	} m;
	struct gate_frame f;

	m.head = (struct gate_frame){ type, bytes, a, b };
	int sys = gate_request_check(&m, sizeof(m.head) + bytes, &f);
	if (sys == 0)
		assert_memory_equal(&f, &m.head, sizeof(f));
	else
		assert_int_equal(f.a | f.b | f.len, 0);
	/* One byte more or less than the head says is no frame, whatever the rest is. */
	assert_int_equal(gate_request_check(&m, sizeof(m.head) + bytes + 1, &f), EPROTO);
	assert_int_equal(gate_request_check(&m, sizeof(m.head) + bytes - 1, &f), EPROTO);
	return sys;
}

static void every_request_has_its_fields(void **state)
{
	(void)state;
	assert_int_equal(ask(GATE_FRAME_STATUS, 0, 0, 0), 0);
	assert_int_equal(ask(GATE_FRAME_ATTACH, 1, 0, 0), 0);
	assert_int_equal(ask(GATE_FRAME_WAIT, 0, 0, 0), 0);
	assert_int_equal(ask(GATE_FRAME_INPUT, 0, 0, 1), 0);
	assert_int_equal(ask(GATE_FRAME_INPUT, 0, 0, GATE_FRAME_BYTES_MAX), 0);
	assert_int_equal(ask(GATE_FRAME_INPUT_END, 0, 0, 0), 0);
	assert_int_equal(ask(GATE_FRAME_RESIZE, UINT32_MAX, 0, 0), 0);
	assert_int_equal(ask(GATE_FRAME_SIGNAL, 64, 1, 0), 0);
	assert_int_equal(ask(GATE_FRAME_STOP, 0, UINT64_MAX, 0), 0);
	assert_int_equal(ask(GATE_FRAME_LISTENER, 0, 0, 0), 0);
}

static void a_field_out_of_range_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask(GATE_FRAME_STATUS, 1, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_STATUS, 0, 1, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_ATTACH, 0, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_ATTACH, 2, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_INPUT, 0, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_RESIZE, UINT64_C(1) << 32, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_SIGNAL, 0, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_SIGNAL, 65, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_SIGNAL, UINT64_MAX, 0, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_SIGNAL, 9, 2, 0), EINVAL);
	assert_int_equal(ask(GATE_FRAME_STOP, 65, 0, 0), EINVAL);
}

static void what_is_no_request_is_no_frame(void **state)
{
	struct gate_frame f, head = { GATE_FRAME_STATUS, 0, 0, 0 };

	(void)state;
	for (uint32_t type = 0; type < GATE_FRAME_STATUS; type++)
		assert_int_equal(ask(type, 0, 0, 0), EPROTO);
	assert_int_equal(ask(GATE_FRAME_LISTENER + 1, 0, 0, 0), EPROTO);
	assert_int_equal(ask(UINT32_MAX, 0, 0, 0), EPROTO);
	assert_int_equal(ask(GATE_FRAME_STATUS, 0, 0, 1), EPROTO);
	assert_int_equal(ask(GATE_FRAME_INPUT, 0, 0, GATE_FRAME_BYTES_MAX + 1), EPROTO);
	for (size_t n = 0; n < sizeof(head); n++)
		assert_int_equal(gate_request_check(&head, n, &f), EPROTO);
	head.len = UINT32_MAX;
	assert_int_equal(gate_request_check(&head, sizeof(head), &f), EPROTO);
}

/* --- records --- */
static struct gate_record good(void)
{
	struct gate_record r = { .magic = GATE_RECORD_MAGIC, .version = GATE_RECORD_VERSION, .size = sizeof(r) };

	r.state = GATE_TASK_ENDED;
	r.outcome = GATE_OUTCOME_EXITED;
	return r;
}

#define BAD(change)                                                                                                    \
	do {                                                                                                           \
		struct gate_record r = good();                                                                         \
		assert_true(gate_record_check(&r, sizeof(r)));                                                         \
		change;                                                                                                \
		assert_false(gate_record_check(&r, sizeof(r)));                                                        \
	} while (0)

static void a_record_from_a_file_is_not_believed(void **state)
{
	const struct gate_record whole = good();

	(void)state;
	assert_false(gate_record_check(&whole, sizeof(whole) - 1));
	assert_false(gate_record_check(&whole, sizeof(whole) + 1));
	BAD(r.magic++);
	BAD(r.version++);
	BAD(r.size--);
	BAD(r.state = 0);
	BAD(r.state = GATE_TASK_LOST);
	BAD(r.state = GATE_TASK_RUNNING);
	BAD(r.outcome = GATE_OUTCOME_NONE);
	BAD(r.outcome = GATE_OUTCOME_NOT_EXECUTED + 1);
	BAD(r.status = 256);
	BAD(r.status = -1);
	BAD(r.outcome = GATE_OUTCOME_KILLED);
	BAD((r.outcome = GATE_OUTCOME_KILLED, r.signal = 65));
	BAD((r.outcome = GATE_OUTCOME_NOT_STARTED, r.sys = -1));
	BAD((r.outcome = GATE_OUTCOME_NOT_STARTED, r.sys = 4096));
	BAD(r.core = 2);
	BAD(r.by_stop = 3);
	BAD(r.by_timeout = 2);
	BAD(r.pid = UINT32_MAX);
	BAD(r.gaps = GATE_GAP_UNCOUNTED << 1);
	BAD(r.n_denials = GATE_RECORD_DENIALS + 1);
	BAD(r.n_denials = 1);
	BAD((r.n_denials = 1, r.denials[0].count = 1, memset(r.denials[0].comm, 'x', sizeof(r.denials[0].comm))));
	BAD((r.n_denials = 1, r.denials[0].count = 1, memset(r.denials[0].exe, 'x', sizeof(r.denials[0].exe))));
	BAD((r.n_denials = 1, r.denials[0].count = 1, r.denials[0].main = 2));
}

static void the_exit_code_is_dockers(void **state)
{
	struct gate_record r = good();

	(void)state;
	r.status = 3;
	assert_int_equal(gate_record_exit_code(&r), 3);
	r.outcome = GATE_OUTCOME_KILLED;
	r.signal = 9;
	assert_int_equal(gate_record_exit_code(&r), 137);
	r.outcome = GATE_OUTCOME_NOT_STARTED;
	assert_int_equal(gate_record_exit_code(&r), 125);
	r.outcome = GATE_OUTCOME_NOT_EXECUTED;
	r.sys = EACCES;
	assert_int_equal(gate_record_exit_code(&r), 126);
	r.sys = ENOENT;
	assert_int_equal(gate_record_exit_code(&r), 127);
	r.by_timeout = 1;
	assert_int_equal(gate_record_exit_code(&r), 124);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_has_its_fields),
		cmocka_unit_test(a_field_out_of_range_is_refused),
		cmocka_unit_test(what_is_no_request_is_no_frame),
		cmocka_unit_test(a_record_from_a_file_is_not_believed),
		cmocka_unit_test(the_exit_code_is_dockers),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
