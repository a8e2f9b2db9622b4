/* Profiles that leave calls to a supervisor (SCMP_ACT_NOTIFY): what cannot work is refused before the launch. */
#include "cli/run.h"

/* The place in the profile that leaves the call to a supervisor, for any arguments; NULL: there is none. */
static const struct gate_outcome *place(const struct gate_explanation *e)
{
	for (size_t i = 0; e != NULL && i < e->n; i++)
		if (GATE_RET_ACTION(e->outcomes[i].action) == GATE_RET_NOTIFY)
			return &e->outcomes[i];
	return NULL;
}

bool gate_run_notify(const struct gate_cli *cli, struct gate_source *source)
{
	enum gate_arch arches[GATE_ARCH_MAX];
	struct gate_err err = GATE_ERR_INIT;
	size_t n = 0;

	static const struct {
		const char *name, *why;
	} never[] = {
		{ "execve",
		  "the launch's own execve would wait for a supervisor, who gets the listener when the program runs" },
		{ "exit_group", "without a supervisor the task could not even end" },
	};

	if (gate_source_arches(source, arches, &n, &err) < 0)
		return (void)gate_trouble(cli, NULL, &err), false;
	for (size_t i = 0; n > 0 && i < GATE_ARRAY_LEN(never); i++) {
		GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = NULL;
		int name = gate_name_find(never[i].name, strlen(never[i].name));
		const struct gate_syscall *s = name >= 0 ? gate_syscall_of(arches[0], (unsigned)name) : NULL;
		struct gate_call call = { .arch = arches[0], .nr = s != NULL ? s->nr : 0 };
		const struct gate_outcome *o;

		if (s == NULL)
			continue;
		if (gate_source_explain(source, &call, &e, &err) < 0)
			return (void)gate_trouble(cli, NULL, &err), false;
		o = place(e);
		if (o == NULL)
			continue;
		if (o->line > 0)
			gate_say(cli, "%s:%u:%u: '%s' must not be SCMP_ACT_NOTIFY: %s", gate_source_file(source),
			         o->line, o->column, never[i].name, never[i].why);
		else
			gate_say(cli, "'%s' leaves '%s' to a supervisor: %s", gate_source_word(source), never[i].name,
			         never[i].why);
		return false;
	}
	gate_say(
	    cli,
	    "warning: the profile leaves calls to a supervisor: they wait until one asks the task's keeper for the "
	    "listener");
	return true;
}
