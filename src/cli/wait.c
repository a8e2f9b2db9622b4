#include "cli/tasks.h"

static int wait_one(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                    struct gate_err *err)
{
	struct gate_record r;

	(void)cli;
	(void)word;
	if (gate_task_wait(s, e->id, &r, err) < 0)
		return -1;
	(void)printf("%d\n", gate_record_exit_code(&r));
	return 0;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_store_closep) struct gate_store *s = gate_ask_store(cli);

	return s != NULL ? gate_each_task(cli, s, wait_one) : gate_trouble_status(cli);
}

const struct gate_verb gate_verb_wait = {
	.name = "wait",
	.operands = "TASK...",
	.summary = "wait until tasks have ended, and print their exit codes",
	.about =
	    "Waits for each TASK in turn and prints its exit code on a line: what run would have exited with. One that has ended "
	    "before is answered at once. callgate inspect says why it ended.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_TASK,
	.rest = GATE_OPERAND_TASK,
	.least = 1,
	.most = -1,
	.groups = { gate_options_state },
	.examples =
	    (const struct gate_example[]){
		{ "callgate wait web", "until it has ended" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "all have ended, whatever their codes" },
	                                          { "1", "a TASK is not there, or lost: how it ended is not known" },
	                                          { 0 } },
	.run = run,
};
