/* callgate-keeper: starts one task, and keeps it. See task/plan.h for how it is started. */
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"

static struct gate_keeper keeper;

/* Who was told of no start knows of no task: it does not stay (tests/checklist.md, the last law). */
static void announce(struct gate_keeper *k)
{
	struct gate_keeper_client *starter = &k->clients[0];

	if (gate_frame_put(starter->fd, GATE_FRAME_STARTED, 0, 0, &k->record, sizeof(k->record), k->task.pidfd) != 1) {
		gate_client_drop(k, starter);
		k->kill_ms = 0;
		return;
	}
	if ((k->plan->flags & GATE_PLAN_ATTACHED) == 0) {
		starter->starter = false;
		gate_client_drop(k, starter);
	}
}

static void run(struct gate_keeper *k)
{
	static const struct rusage none;
	int dir = gate_plan_fd(&k->view, k->plan->dir);

	k->record = (struct gate_record){ .magic = GATE_RECORD_MAGIC,
		                          .version = GATE_RECORD_VERSION,
		                          .size = sizeof(k->record) };
	k->kill_ms = k->timeout_ms = GATE_NEVER;
	bool started = gate_keeper_start(k);
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0); /* receive.c; from here on announce() counts */
	if (!started) {
		k->denials.fd = k->denials.ask = -1;
		gate_keeper_end(k, 0, &none);
		gate_keeper_loop(k);
		return;
	}
	gate_log_init(&k->log, dir, dir >= 0 ? k->plan->log_bytes : 0, k->plan->log_files);
	if (dir >= 0)
		(void)gate_store_write_record(dir, &k->record);
	announce(k);
	if (k->plan->timeout_ms != 0)
		k->timeout_ms = gate_keeper_now_ms() + k->plan->timeout_ms;
	gate_denials_start(k);
	/* A keeper that cannot confine itself keeps nothing. */
	int confined = gate_keeper_confine(k);
	if (confined < 0) {
		k->record.sys = -confined;
		k->kill_ms = 0;
	}
	gate_keeper_loop(k);
}

int main(void)
{
	struct gate_keeper *k = &keeper;
	int sys = 0;

	gate_output_init(k);
	gate_log_init(&k->log, -1, 0, 1);
	if (gate_keeper_settle(k, GATE_KEEPER_FD) < 0)
		_exit(1);
	gate_keeper_warm(k);
	const char *wrong = gate_keeper_receive(k, GATE_KEEPER_FD, &sys);
	/* Our starter's streams, unless they are the task's. */
	if (wrong == NULL && k->plan != NULL && (k->plan->flags & GATE_PLAN_PLAIN_STDIO) == 0 &&
	    (sys = -gate_keeper_let_go()) != 0)
		wrong = "'/dev/null' cannot be opened";
	if (wrong != NULL)
		(void)gate_frame_put(GATE_KEEPER_FD, GATE_FRAME_REFUSED, (uint64_t)sys, 0, wrong,
		                     (uint32_t)strlen(wrong), -1);
	if (k->plan == NULL || wrong != NULL)
		_exit(wrong != NULL ? 1 : 0);
	gate_clients_init(k, GATE_KEEPER_FD);
	run(k);
	_exit(0);
}
