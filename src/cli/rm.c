#include <signal.h>

#include "cli/tasks.h"

static bool runs(const struct gate_entry *e)
{
	return e->state == GATE_TASK_RUNNING || e->state == GATE_TASK_CREATED;
}

/* 0 also when it ended by itself meanwhile, or went with --rm. */
static int end_it(struct gate_store *s, const struct gate_entry *e, struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;
	struct gate_record r;

	if ((gate_task_stop(s, e->id, SIGKILL, 0, &why) < 0 && why.code != GATE_E_NOTFOUND) ||
	    (gate_task_wait(s, e->id, &r, &why) < 0 && why.code != GATE_E_NOTFOUND)) {
		*err = why;
		return -1;
	}
	return 0;
}

static int remove_one(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                      struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;
	bool forced = gate_option_set(cli, "force");

	if (runs(e) && !forced)
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%s' is running: stop it before, or use --force",
		                 word);
	if (runs(e) && end_it(s, e, err) < 0)
		return -1;
	if (gate_store_remove(s, e->id, &why) < 0 && !(forced && why.code == GATE_E_NOTFOUND)) {
		*err = why;
		return -1;
	}
	(void)puts(word);
	return 0;
}

static int remove_ended(const struct gate_cli *cli, struct gate_store *s)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	struct gate_err err = GATE_ERR_INIT;
	int status = 0;
	size_t n = 0;

	if (gate_store_list(s, &list, &n, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	for (size_t i = 0; i < n; i++) {
		struct gate_err why = GATE_ERR_INIT;

		if (runs(&list[i]))
			continue;
		if (gate_store_remove(s, list[i].id, &why) == 0)
			(void)printf("%.12s\n", list[i].id);
		else if (why.code != GATE_E_NOTFOUND)
			status = gate_trouble(cli, NULL, &why);
	}
	return status;
}

/* --force: what is not there needs no removal. */
static int remove_named(struct gate_cli *cli, struct gate_store *s)
{
	struct gate_entry e;
	int status = 0;

	for (int i = 0; i < cli->n_operands; i++) {
		struct gate_err err = GATE_ERR_INIT;

		if (gate_store_find(s, cli->operands[i], &e, &err) < 0 ||
		    remove_one(cli, s, cli->operands[i], &e, &err) < 0) {
			int trouble = gate_trouble(cli, NULL, &err);

			if (err.code != GATE_E_NOTFOUND || !gate_option_set(cli, "force"))
				status = trouble;
		}
	}
	return status;
}

static int run(struct gate_cli *cli)
{
	bool all = gate_option_set(cli, "all");

	if (all ? cli->n_operands > 0 : cli->n_operands == 0) {
		gate_say(cli, all ? "rm takes --all or TASK..., not both" : "rm needs TASK... or --all");
		return gate_trouble_status(cli);
	}
	GATE_AUTO(gate_store_closep) struct gate_store *s = gate_ask_store(cli);

	if (s == NULL)
		return gate_trouble_status(cli);
	return all ? remove_ended(cli, s) : remove_named(cli, s);
}

const struct gate_verb gate_verb_rm = {
	.name = "rm",
	.operands = "[TASK...]",
	.summary = "remove ended tasks: their record, output and files",
	.about =
	    "Removes what is kept of each TASK: its record, its output, what it wrote into its own copy of the root, its name. "
	    "Volumes are the host's and stay. A TASK that runs is refused unless --force is given: then its processes are "
	    "killed first.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_TASK,
	.rest = GATE_OPERAND_TASK,
	.least = 0,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "force", 'f', NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "kill what runs; what is not there is no failure" },
			{ "all", 'a', NULL, NULL, NULL, GATE_OPERAND_NONE, "all that have ended, or are lost" },
			{ "volumes", 'v', NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "taken as docker's; there are no volumes without a name here" },
			{ 0 },
		    },
	            gate_options_state },
	.examples =
	    (const struct gate_example[]){
		{ "callgate rm web", "after it has ended" },
		{ "callgate rm -f web", "also while it runs" },
		{ "callgate rm --all", "everything that has ended" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "removed" },
	                                          { "1", "a TASK is not there or runs, or bad usage" },
	                                          { 0 } },
	.run = run,
};
