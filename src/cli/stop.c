#include "base/num.h"
#include "cli/tasks.h"

enum { LONGEST_S = 1000000000 };

/* Seconds until SIGKILL; UINT64_MAX: the task's. */
static int read_grace(const struct gate_cli *cli, uint64_t *ret, struct gate_err *err)
{
	const char *text = gate_option_text(cli, "time");
	uint64_t seconds;

	*ret = UINT64_MAX;
	if (text == NULL)
		return 0;
	if (gate_u64_parse(text, strlen(text), LONGEST_S, &seconds) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'--time' takes seconds, not '%s'", text);
	*ret = seconds * 1000;
	return 0;
}

static int read_signal(const struct gate_cli *cli, int *ret, struct gate_err *err)
{
	const char *text = gate_option_text(cli, "signal");

	*ret = 0;
	return text != NULL ? gate_signal_parse(text, ret, err) : 0;
}

/* The first round only tells: all of them have their grace time at once. */
static int tell(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                struct gate_err *err)
{
	struct gate_err ignored = GATE_ERR_INIT;
	uint64_t ms;
	int sig;

	(void)word;
	if (read_grace(cli, &ms, err) < 0 || read_signal(cli, &sig, err) < 0)
		return -1;
	if (gate_task_stop(s, e->id, sig, ms, &ignored) < 0 && ignored.code != GATE_E_NOTFOUND) {
		*err = ignored;
		return -1;
	}
	return 0; /* who does not run is stopped */
}

static int await(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                 struct gate_err *err)
{
	struct gate_record r;
	struct gate_err why = GATE_ERR_INIT;

	(void)cli;
	if (e->state != GATE_TASK_LOST && gate_task_wait(s, e->id, &r, &why) < 0 && why.code != GATE_E_NOTFOUND) {
		*err = why;
		return -1;
	}
	(void)puts(word);
	return 0;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_store_closep) struct gate_store *s = gate_ask_store(cli);

	if (s == NULL)
		return gate_trouble_status(cli);
	int status = gate_each_task(cli, s, tell);

	/* --rm: it may be gone before we ask again. Only what could be told is waited for. */
	for (int i = 0; i < cli->n_operands; i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_entry e;

		if (gate_store_find(s, cli->operands[i], &e, &err) == 0) {
			if (await(cli, s, cli->operands[i], &e, &err) < 0)
				status = gate_trouble(cli, NULL, &err);
		} else if (status == 0) {
			(void)puts(cli->operands[i]);
		}
	}
	return status;
}

const struct gate_verb gate_verb_stop = {
	.name = "stop",
	.operands = "TASK...",
	.summary = "have tasks end: a signal, and SIGKILL after a time",
	.about =
	    "Sends each TASK its stop signal (--stop-signal of run, or SIGTERM), and SIGKILL to all of its processes when it has "
	    "not ended after the grace time (--stop-timeout of run, or ten seconds). The keeper carries this out: it happens "
	    "also when this command is interrupted. Prints each TASK as it was written once it has ended; one that has ended "
	    "before is no error. TASK is an id, the beginning of one that is unique, or a name.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_TASK,
	.rest = GATE_OPERAND_TASK,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "time", 't', "SECONDS", NULL, NULL, GATE_OPERAND_NONE,
	                  "the time until SIGKILL (default: the task's own, mostly 10); *0* kills at once" },
			{ "signal", 's', "SIGNAL", NULL, NULL, GATE_OPERAND_NONE,
	                  "the signal to begin with (default: the task's own, mostly SIGTERM)" },
			{ 0 },
		    },
	            gate_options_state },
	.examples =
	    (const struct gate_example[]){
		{ "callgate stop web", "ends the task web, kindly" },
		{ "callgate stop -t 0 1a2b", "without waiting, the task whose id begins with 1a2b" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "all have ended" },
	                                          { "1", "a TASK is not there, or bad usage" },
	                                          { 0 } },
	.run = run,
};
