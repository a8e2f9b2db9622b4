/* one WAY: one launch under a filter of two calls, as nobody, for strace.sh. WAY: lowered, late, helper, listener.
 * Exit: the program's, or 125 with the row that failed. */
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan_build.h"

static struct build b;

static void rows(const char *way, enum gate_load load)
{
	static const uint32_t groups[] = { 7 };

	b.argv[0] = NOTHING;
	FILTER_WITH(&b, build_two_calls);
	ADD(&b, CLONE, .a = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
	ADD(&b, SIGNALS);
	ADD(&b, HIDE);
	ADD(&b, PARENT, .a = SIGKILL);
	ADD(&b, NORMAL);
	ADD(&b, PRIVATE);
	ADD(&b, SESSION_LEADER);
	if (strcmp(way, "listener") == 0)
		b.flags |= GATE_PLAN_LISTENER;
	if (load == GATE_LOAD_HELPER)
		ADD(&b, HELPER);
	ADD(&b, BOUNDING);
	ADD(&b, IDS, .a = 65534, .b = 65534, .flags = 1, .groups = groups);
	ADD(&b, CAPABILITIES, .a = load == GATE_LOAD_LATE ? 1ULL << CAP_SYS_ADMIN : 0);
	if (load == GATE_LOAD_LOWERED)
		ADD(&b, NO_NEW_PRIVS);
	ADD(&b, PROGRAM);
	ADD(&b, CLOSE);
	ADD(&b, UNBLOCK);
	ADD(&b, FILTER, .flags = load);
	ADD(&b, EXECVE);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "late";
	struct gate_launch_report *report = build_report();
	struct gate_launched got;
	sigset_t all;
	int status = 0;

	rows(way, strcmp(way, "lowered") == 0 ? GATE_LOAD_LOWERED : strcmp(way, "late") == 0 ? GATE_LOAD_LATE : GATE_LOAD_HELPER);
	const char *bad = build_lay(&b);
	if (bad != NULL || report == NULL) {
		fprintf(stderr, "%s\n", bad != NULL ? bad : "no memory");
		return 125;
	}
	gate_plan_relocate(&b.plan);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (gate_launch_start(&b.view, report, &got) < 0) {
		fprintf(stderr, "%s: %s\n", gate_step_name(b.rows[report->row].step), strerror(report->sys));
		return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 125 : 99;
	}
	if (waitpid(got.pid, &status, 0) != got.pid)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
