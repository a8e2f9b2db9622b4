#include "cli/tasks.h"

static int signal_one(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                      struct gate_err *err)
{
	int sig;

	if (gate_signal_parse(gate_option_text(cli, "signal"), &sig, err) < 0 ||
	    gate_task_signal(s, e->id, sig, err) < 0)
		return -1;
	(void)puts(word);
	return 0;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_store_closep) struct gate_store *s = gate_ask_store(cli);

	return s != NULL ? gate_each_task(cli, s, signal_one) : gate_trouble_status(cli);
}

const struct gate_verb gate_verb_kill = {
	.name = "kill",
	.operands = "TASK...",
	.summary = "send a signal to tasks",
	.about =
	    "Sends a signal to the first process of each TASK, through its keeper, which knows the process by a descriptor and "
	    "not by a number. When the first process ends, the keeper ends all others. The first process of a pid namespace "
	    "hears only those signals that it has a handler for, and SIGKILL; run --init avoids that. Does not wait: "
	    "callgate wait does.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_TASK,
	.rest = GATE_OPERAND_TASK,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "signal", 's', "SIGNAL", NULL, "KILL", GATE_OPERAND_NONE,
	                  "a name with or without SIG, or a number" },
			{ 0 },
		    },
	            gate_options_state },
	.examples =
	    (const struct gate_example[]){
		{ "callgate kill -s HUP web", "have the server read its configuration again" },
		{ "callgate kill web", "end it at once" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "sent" },
	                                          { "1", "a TASK is not there or does not run, or bad usage" },
	                                          { 0 } },
	.run = run,
};
