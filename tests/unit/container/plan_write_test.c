/* Plans: what a writer makes is what the keeper's check takes, and holds just what was put in. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "container/plan_write.h"

static const uint64_t program[1] = { 0x7fff000000000006 }; /* BPF_RET | BPF_K, ALLOW */

/* The least that is a plan. */
static void fill(struct gate_plan_writer *w)
{
	gate_plan_writer_init(w);
	w->head.id = gate_plan_string(w, "0123456789ab");
	w->head.stop_signal = SIGTERM;
	w->head.dir = gate_plan_adopt(w, open("/", O_PATH | O_CLOEXEC));
	w->filter = program;
	w->filter_len = 1;
	gate_plan_arg(w, "sh");
	gate_plan_env(w, "PATH=/bin");
	/* In any order. */
	(void)gate_plan_row(w, GATE_STEP_EXECVE, "%s", "sh");
	gate_plan_row(w, GATE_STEP_FILTER, "'%s'", "x.json")->flags = GATE_LOAD_LOWERED;
	(void)gate_plan_row(w, GATE_STEP_UNBLOCK, NULL);
	(void)gate_plan_row(w, GATE_STEP_CLOSE, NULL);
	struct gate_row *row = gate_plan_row(w, GATE_STEP_PROGRAM, "sh");
	row->text[0] = gate_plan_string(w, "/bin");
	(void)gate_plan_row(w, GATE_STEP_SIGNALS, NULL);
	(void)gate_plan_row(w, GATE_STEP_CLONE, NULL);
}

static const struct gate_plan *seal(struct gate_plan_writer *w, int *memfd)
{
	struct gate_err err = GATE_ERR_INIT;
	size_t size = 0;

	if (gate_plan_seal(w, memfd, &size, &err) < 0)
		fail_msg("%s", err.text);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, *memfd, 0);
	assert_true(map != MAP_FAILED);
	return map;
}

static void rows_are_in_the_order_of_the_steps(void **state)
{
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	const struct gate_plan *plan = seal(&w, &memfd);
	const struct gate_row *rows = (const void *)((const char *)plan + plan->rows);
	static const uint16_t order[] = { GATE_STEP_CLONE,   GATE_STEP_SIGNALS, GATE_STEP_PROGRAM, GATE_STEP_CLOSE,
		                          GATE_STEP_UNBLOCK, GATE_STEP_FILTER,  GATE_STEP_EXECVE };

	assert_int_equal(plan->n_rows, GATE_ARRAY_LEN(order));
	for (size_t i = 0; i < GATE_ARRAY_LEN(order); i++)
		assert_int_equal(rows[i].step, order[i]);
	assert_string_equal(gate_plan_text(plan, rows[2].text[0]), "/bin");
	assert_string_equal(gate_plan_text(plan, plan->id), "0123456789ab");
	assert_memory_equal((const char *)plan + plan->filter, program, sizeof(program));
	/* Lines stay rows: a failure names one by its number. */
	assert_string_equal(w.lines[5].object, "'x.json'");
	(void)close(memfd);
	gate_plan_writer_done(&w);
}

static void texts_of_the_header_are_where_it_says(void **state)
{
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	w.head.name = gate_plan_string(&w, "web");
	w.head.n_cgroups = 1;
	w.head.cgroups[0] = (struct gate_plan_cgroup){ .dir = w.head.dir, .parent = w.head.dir, .name = gate_plan_string(&w, "callgate-x") };
	const struct gate_plan *plan = seal(&w, &memfd);
	assert_string_equal(gate_plan_text(plan, plan->name), "web");
	assert_string_equal(gate_plan_text(plan, plan->cgroups[0].name), "callgate-x");
	(void)close(memfd);
	gate_plan_writer_done(&w);
}

static void mounts_keep_their_own_order(void **state)
{
	struct gate_plan_writer w;

	(void)state;
	gate_plan_writer_init(&w);
	(void)gate_plan_row(&w, GATE_STEP_PIVOT, NULL);
	(void)gate_plan_row(&w, GATE_STEP_FILESYSTEM, "1");
	(void)gate_plan_row(&w, GATE_STEP_ATTACH, "2");
	(void)gate_plan_row(&w, GATE_STEP_ROOT, NULL);
	(void)gate_plan_row(&w, GATE_STEP_READONLY, "3");
	(void)gate_plan_row(&w, GATE_STEP_BIND, "4");
	gate_plan_sort(&w);
	assert_int_equal(w.lines[0].row.step, GATE_STEP_ROOT);
	assert_string_equal(w.lines[1].object, "1");
	assert_string_equal(w.lines[2].object, "2");
	assert_string_equal(w.lines[3].object, "3");
	assert_string_equal(w.lines[4].object, "4");
	assert_int_equal(w.lines[5].row.step, GATE_STEP_PIVOT);
	gate_plan_writer_done(&w);
}

static void what_needs_the_hosts_users_comes_before_another_namespace_is_joined(void **state)
{
	struct gate_plan_writer w;

	(void)state;
	gate_plan_writer_init(&w);
	(void)gate_plan_row(&w, GATE_STEP_CLONE, NULL);
	(void)gate_plan_row(&w, GATE_STEP_CGROUP, NULL);
	(void)gate_plan_row(&w, GATE_STEP_JOIN, NULL);
	w.joins_user = true;
	gate_plan_sort(&w);
	assert_int_equal(w.lines[0].row.step, GATE_STEP_CGROUP);
	assert_int_equal(w.lines[1].row.step, GATE_STEP_JOIN);
	gate_plan_writer_done(&w);
}

static void later_values_of_a_variable_win_in_its_place(void **state)
{
	struct gate_plan_writer w;

	(void)state;
	gate_plan_writer_init(&w);
	gate_plan_env(&w, "A=1");
	gate_plan_env(&w, "AB=2");
	gate_plan_env(&w, "A=3");
	assert_int_equal(w.envc, 2);
	assert_string_equal(w.envp[0], "A=3");
	assert_string_equal(gate_plan_env_get(&w, "AB"), "2");
	assert_null(gate_plan_env_get(&w, "B"));
	gate_plan_unset(&w, "A");
	assert_int_equal(w.envc, 1);
	assert_null(gate_plan_env_get(&w, "A"));
	gate_plan_writer_done(&w);
}

static void groups_are_aligned_numbers(void **state)
{
	static const uint32_t groups[] = { 7, 4294967294U };
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	struct gate_row *row = gate_plan_row(&w, GATE_STEP_IDS, NULL);
	row->a = row->b = 7;
	row->flags = 2;
	row->text[0] = gate_plan_groups(&w, groups, 2);
	const struct gate_plan *plan = seal(&w, &memfd);
	const struct gate_row *rows = (const void *)((const char *)plan + plan->rows);
	assert_int_equal(rows[2].step, GATE_STEP_IDS);
	assert_int_equal(rows[2].text[0] % 4, 0);
	assert_memory_equal((const char *)plan + rows[2].text[0], groups, sizeof(groups));
	(void)close(memfd);
	gate_plan_writer_done(&w);
}

static void a_sealed_plan_cannot_be_changed(void **state)
{
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	(void)seal(&w, &memfd);
	assert_int_equal(write(memfd, "x", 1), -1);
	assert_int_equal(ftruncate(memfd, 0), -1);
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	(void)close(memfd);
	gate_plan_writer_done(&w);
}

static void a_plan_that_contradicts_itself_is_not_sent(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	w.head.flags |= GATE_PLAN_UNCONFINED;
	assert_int_equal(gate_plan_seal(&w, &memfd, NULL, &err), -1);
	assert_non_null(strstr(err.text, "only 'unconfined' runs without a filter"));
	assert_int_equal(memfd, -1);
	gate_plan_writer_done(&w);
}

static void limits_are_told(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_plan_writer w;
	int memfd = -1;

	(void)state;
	fill(&w);
	for (unsigned i = 0; i < GATE_PLAN_ROWS_MAX; i++)
		(void)gate_plan_row(&w, GATE_STEP_RLIMIT, NULL);
	assert_int_equal(gate_plan_seal(&w, &memfd, NULL, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	gate_plan_writer_done(&w);

	struct gate_err more = GATE_ERR_INIT;
	fill(&w);
	char *large = malloc(GATE_PLAN_BYTES_MAX + 2);
	assert_non_null(large);
	memset(large, 'x', GATE_PLAN_BYTES_MAX + 1);
	large[GATE_PLAN_BYTES_MAX + 1] = '\0';
	gate_plan_arg(&w, large);
	free(large);
	assert_int_equal(gate_plan_seal(&w, &memfd, NULL, &more), -1);
	assert_int_equal(more.code, GATE_E_LIMIT);
	gate_plan_writer_done(&w);
}

static void descriptors_are_owned_and_limited(void **state)
{
	struct gate_plan_writer w;
	int last = -1;

	(void)state;
	gate_plan_writer_init(&w);
	assert_int_equal(gate_plan_adopt(&w, -1), -1);
	for (int i = 0; i < GATE_PLAN_FDS_MAX + 5; i++) {
		last = open("/", O_PATH | O_CLOEXEC);
		assert_true(last >= 0);
		(void)gate_plan_adopt(&w, last);
	}
	assert_true(w.n_fds < GATE_PLAN_FDS_MAX + 1);
	assert_int_equal(w.failed.code, GATE_E_LIMIT);
	assert_int_equal(fcntl(last, F_GETFD), -1); /* too many: closed, not leaked */
	int first = w.fds[0];
	gate_plan_writer_done(&w);
	assert_int_equal(fcntl(first, F_GETFD), -1);
}

static void the_table_names_every_row(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT, json = GATE_BUF_INIT;
	struct gate_plan_writer w;

	(void)state;
	fill(&w);
	w.by = "filesystem/linux";
	(void)gate_plan_row(&w, GATE_STEP_PRIVATE, NULL);
	(void)gate_plan_row(&w, GATE_STEP_ATTACH, "/a\nb");
	assert_int_equal(gate_plan_explain(&w, "one\ntwo\n", false, &out, NULL), 0);
	assert_non_null(strstr(out.data, "  1  clone"));
	assert_non_null(strstr(out.data, "  filesystem/linux  /a\\x0ab\n"));
	assert_non_null(strstr(out.data, "\none\ntwo\n"));
	assert_int_equal(gate_plan_explain(&w, "one\ntwo\n", true, &json, NULL), 0);
	assert_non_null(strstr(json.data, "\"schemaVersion\": 1"));
	assert_non_null(strstr(json.data, "\"instructions\": 1"));
	assert_non_null(strstr(json.data, "\"load\": \"lowered\""));
	assert_non_null(strstr(json.data, "\"two\""));
	gate_plan_writer_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_in_the_order_of_the_steps),
		cmocka_unit_test(texts_of_the_header_are_where_it_says),
		cmocka_unit_test(mounts_keep_their_own_order),
		cmocka_unit_test(what_needs_the_hosts_users_comes_before_another_namespace_is_joined),
		cmocka_unit_test(later_values_of_a_variable_win_in_its_place),
		cmocka_unit_test(groups_are_aligned_numbers),
		cmocka_unit_test(a_sealed_plan_cannot_be_changed),
		cmocka_unit_test(a_plan_that_contradicts_itself_is_not_sent),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(descriptors_are_owned_and_limited),
		cmocka_unit_test(the_table_names_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
