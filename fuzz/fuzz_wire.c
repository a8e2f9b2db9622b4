/* Tasks and commands between the agent's processes: what is read is written again as the same bytes. */
#include "fuzz.h"
#include "task/wire.h"

static void task(const uint8_t *data, size_t size)
{
	struct gate_buf again = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_task t;

	gate_task_init(&t);
	if (gate_wire_read_task(data, size, &t, &p, NULL) == 0) {
		FUZZ_CHECK(p.unconfined == (p.insns == NULL));
		FUZZ_CHECK(gate_wire_task(&t, &p, &again, NULL) == 0);
		FUZZ_CHECK(again.len == size && memcmp(again.data, data, size) == 0);
	}
	gate_task_done(&t);
	gate_buf_done(&again);
}

static void command(const uint8_t *data, size_t size)
{
	struct gate_buf again = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_wire_exec e;

	if (gate_wire_read_exec(data, size, &arena, &e, NULL) == 0) {
		FUZZ_CHECK(e.n_args > 0 && e.args[e.n_args] == NULL && e.env[e.n_env] == NULL);
		FUZZ_CHECK(gate_wire_exec(&e, &again, NULL) == 0);
		FUZZ_CHECK(again.len == size && memcmp(again.data, data, size) == 0);
	}
	gate_arena_done(&arena);
	gate_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	task(data, size);
	command(data, size);
	return 0;
}
