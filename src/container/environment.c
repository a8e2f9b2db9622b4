/* The command, its environment and its directory, out of the image and the task. */
#include <stdio.h>
#include <signal.h>

#include "base/num.h"
#include "container/prepare.h"

/* Docker's, for containers. */
#define CONTAINER_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* As docker: an entrypoint of the task's drops the image's command; arguments replace it. */
int gate_prepare_command(struct gate_prepare *p, struct gate_err *err)
{
	const struct gate_task *t = p->task;
	bool own_entrypoint = t->has_entrypoint, own_args = t->args.n > 0;

	for (size_t i = 0; own_entrypoint && i < t->entrypoint.n; i++)
		gate_plan_arg(&p->plan, t->entrypoint.at[i]);
	for (const char **e = p->image != NULL && !own_entrypoint ? p->image->entrypoint : NULL;
	     e != NULL && *e != NULL; e++)
		gate_plan_arg(&p->plan, *e);
	for (size_t i = 0; i < t->args.n; i++)
		gate_plan_arg(&p->plan, t->args.at[i]);
	for (const char **c = p->image != NULL && !own_entrypoint && !own_args ? p->image->cmd : NULL;
	     c != NULL && *c != NULL; c++)
		gate_plan_arg(&p->plan, *c);
	if (p->plan.failed.code == GATE_OK && p->plan.argc == 0)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 p->image != NULL ? "the image '%s' names no command: say one"
		                                  : "there is no command to run%s",
		                 p->image != NULL ? p->image->reference : "");
	return 0;
}

static void set(struct gate_prepare *p, const char *key, const char *value)
{
	GATE_AUTO(gate_buf_done) struct gate_buf pair = GATE_BUF_INIT;

	gate_buf_printf(&pair, "%s=%s", key, value);
	if (pair.failed)
		gate_err_set(&p->plan.failed, GATE_E_NOMEM, 0, "out of memory");
	else
		gate_plan_env(&p->plan, pair.data);
}

/* docs/decisions/0008-host-tasks.md: whoever made the task has put the caller's environment into it. */
static void of_host(struct gate_prepare *p)
{
	if (p->task->user == NULL)
		return;
	set(p, "HOME", p->who.home);
	if (p->who.name[0] != '\0') {
		set(p, "USER", p->who.name);
		set(p, "LOGNAME", p->who.name);
	}
}

static void of_container(struct gate_prepare *p)
{
	char short_id[13];

	(void)snprintf(short_id, sizeof(short_id), "%.12s", p->id);
	gate_plan_env(&p->plan, CONTAINER_PATH);
	if (gate_separate(p, GATE_ISOLATE_UTS, &p->task->uts))
		set(p, "HOSTNAME", p->task->hostname != NULL ? p->task->hostname : short_id);
	if (p->task->terminal)
		gate_plan_env(&p->plan, "TERM=xterm");
	for (const char **e = p->image != NULL ? p->image->env : NULL; e != NULL && *e != NULL; e++)
		gate_plan_env(&p->plan, *e);
}

/* "SIGQUIT", "QUIT", "3". 0: none of this host's. */
static int parse_signal(const char *word)
{
	uint64_t number = 0;

	if (gate_u64_parse(word, strlen(word), SIGRTMAX, &number) == 0)
		return (int)number;
	if (strncmp(word, "SIG", 3) == 0)
		word += 3;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name != NULL && strcmp(name, word) == 0)
			return sig;
	}
	return 0;
}

static void stop_signal(struct gate_prepare *p)
{
	const char *word = p->image != NULL ? p->image->stop_signal : "";
	int sig = p->task->stop_signal;

	/* An image's word that is no signal here is the image's mistake, no reason not to run it. */
	if (sig == 0)
		sig = parse_signal(word);
	p->plan.head.stop_signal = p->stop_signal = sig != 0 ? (uint32_t)sig : SIGTERM;
}

static void directory(struct gate_prepare *p)
{
	const char *of_image = p->image != NULL && p->image->workdir[0] != '\0' ? p->image->workdir : NULL;

	p->workdir = p->task->workdir != NULL                    ? p->task->workdir
	             : of_image != NULL                          ? of_image
	             : p->own_root                               ? "/"
	             : gate_isolates(p, GATE_ISOLATE_FILESYSTEM) ? "/tmp"
	                                                         : NULL;
	/* A plain process stays where its caller is. */
	if (p->workdir == NULL)
		return;
	p->plan.by = "launch";
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_DIRECTORY, "%s", p->workdir);
	row->text[0] = gate_plan_string(&p->plan, p->workdir);
	row->flags = p->own_root ? GATE_ROW_CREATE : 0;
}

int gate_prepare_environment(struct gate_prepare *p, struct gate_err *err)
{
	(void)err;
	if (p->own_root)
		of_container(p);
	else
		of_host(p);
	for (size_t i = 0; i < p->task->env.n; i++)
		gate_plan_env(&p->plan, p->task->env.at[i]);
	if (p->own_root && gate_plan_env_get(&p->plan, "HOME") == NULL)
		set(p, "HOME", p->who.home);
	directory(p);
	p->plan.by = "launch";
	if (p->plan.argc > 0) {
		struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_PROGRAM, "%s", p->plan.argv[0]);
		row->text[0] = gate_plan_string(&p->plan, gate_plan_env_get(&p->plan, "PATH"));
	}
	stop_signal(p);
	return 0;
}
