/* live.c - loading filters and calling under them, in children, one after the other in rounds: what drifts, drifts
 * for all of them. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define BATCH 2000

const char *const live_call_names[3] = { "getppid (allowed: bitmap)", "personality (argument)",
	                                 "delete_module (denied)" };

static long install(const struct gate_program *p)
{
	struct sock_fprog prog = { .len = (unsigned short)p->len, .filter = (struct sock_filter *)p->insns };

	return p->len == 0 ? 0 : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* A child maps its pages when it first uses them: not what is to be measured. */
static void warm(const struct gate_program *p)
{
	struct gate_program nothing = { NULL, 1 };
	volatile uint32_t sum = 0;

	for (size_t i = 0; i < p->len; i++)
		sum += p->insns[i].k;
	(void)sum;
	install(&nothing); /* refused: EFAULT */
	now_us();
}

static double one_load(const struct gate_program *p)
{
	double us = -1;
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		die("fork");
	if (pid == 0) {
		double start, end;

		pin();
		warm(p);
		start = now_us();
		if (install(p) < 0)
			_exit(1);
		end = now_us() - start;
		_exit(write(ends[1], &end, sizeof(end)) != sizeof(end));
	}
	close(ends[1]);
	if (read(ends[0], &us, sizeof(us)) != sizeof(us))
		us = -1;
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return us;
}

bool live_load(struct contender *c, size_t n, int rounds)
{
	for (int r = -1; r < rounds; r++)
		for (size_t i = 0; i < n; i++) {
			double us = one_load(&c[i].program);

			if (us < 0) {
				printf("kernel load: skipped: seccomp(SECCOMP_SET_MODE_FILTER) is refused here\n");
				return false;
			}
			if (r >= 0)
				sample(&c[i].load, us);
		}
	return true;
}

static void do_call(int which)
{
	if (which == 0)
		syscall(SYS_getppid);
	else if (which == 1)
		syscall(SYS_personality, 0xffffffffUL);
	else
		syscall(SYS_delete_module, 0UL, 0UL);
}

/* The child: reads which call, makes a batch of them, answers with nanoseconds per call. */
__attribute__((noreturn)) static void serve(const struct gate_program *p, int in, int out)
{
	char which;

	pin();
	if (install(p) < 0)
		_exit(1);
	while (read(in, &which, 1) == 1) {
		double start = now_us(), ns;

		for (int i = 0; i < BATCH; i++)
			do_call(which);
		ns = (now_us() - start) * 1e3 / BATCH;
		if (write(out, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	_exit(0);
}

struct child {
	pid_t pid;
	int to, from;
};

static struct child start(const struct gate_program *p, const struct child *others, size_t n)
{
	int there[2], back[2];
	struct child c;

	if (pipe(there) < 0 || pipe(back) < 0 || (c.pid = fork()) < 0)
		die("fork");
	if (c.pid == 0) {
		close(there[1]);
		close(back[0]);
		for (size_t i = 0; i < n; i++) {
			close(others[i].to);
			close(others[i].from);
		}
		serve(p, there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	c.to = there[1];
	c.from = back[0];
	return c;
}

bool live_calls(struct contender *c, size_t n, int rounds)
{
	struct child children[16];
	bool fine = n <= GATE_ARRAY_LEN(children);

	for (size_t i = 0; fine && i < n; i++)
		children[i] = start(&c[i].program, children, i);
	for (int r = -2; fine && r < rounds; r++)
		for (char call = 0; call < 3; call++)
			for (size_t i = 0; fine && i < n; i++) {
				double ns;

				fine = write(children[i].to, &call, 1) == 1 &&
				       read(children[i].from, &ns, sizeof(ns)) == sizeof(ns);
				if (fine && r >= 0)
					sample(&c[i].calls[(int)call], ns);
			}
	for (size_t i = 0; i < n && n <= GATE_ARRAY_LEN(children); i++) {
		close(children[i].to);
		close(children[i].from);
		waitpid(children[i].pid, NULL, 0);
	}
	if (!fine)
		printf("calls: skipped: a child under a filter did not answer\n");
	return fine;
}
