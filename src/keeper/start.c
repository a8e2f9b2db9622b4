/* From a checked plan to a running program, and what the keeper gives up then. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "keeper/keeper.h"

#define NO_SESSION  UINT32_MAX
#define FIELD_START 22 /* of /proc/PID/stat: proc(5) */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* 5.14 */
#endif

/* While the plan is being made there is time for what every start needs: the memory that it writes to (a fault takes
 * several microseconds, in a virtual machine more), and the first question for the time, which looks for the vDSO. */
void gate_keeper_warm(struct gate_keeper *k)
{
	enum { PAGE = 4096, FRAMES = 3 * PAGE };
	const uintptr_t from = (uintptr_t)k & ~(uintptr_t)(PAGE - 1), to = (uintptr_t)(k + 1) + PAGE - 1,
			here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);
	void *report =
	    mmap(NULL, sizeof(*k->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	k->report = report != MAP_FAILED ? report : NULL;
	/* Where these are refused, faults come later. */
	(void)madvise((void *)from, (to & ~(uintptr_t)(PAGE - 1)) - from, MADV_POPULATE_WRITE);
	(void)madvise((void *)(here - FRAMES), FRAMES, MADV_POPULATE_WRITE);
	(void)gate_keeper_time_ns();
}

int gate_keeper_let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), sys = null < 0 ? errno : 0;

	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			(void)close(fd);
	if (null > 2)
		(void)close(null);
	return -sys;
}

/* The pipe `index` (0 in, 1 out, 2 err): the task's end into the view, ours returned. */
static int make_pipe(struct gate_keeper *k, int index, bool mine_reads)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int mine = ends[mine_reads ? 0 : 1], its = ends[mine_reads ? 1 : 0];
	/* So that it may open /dev/stdout again, which asks for the rights of the pipe's inode. */
	bool own = fchown(its, k->plan->stdio_uid, k->plan->stdio_gid) == 0;
	(void)own; /* where not (a user that this namespace has not), output works all the same */
	if (fcntl(mine, F_SETFL, O_NONBLOCK) < 0) {
		int sys = errno;

		(void)close(ends[0]);
		(void)close(ends[1]);
		return -sys;
	}
	k->view.stdio[index] = its;
	return mine;
}

static int make_pipes(struct gate_keeper *k)
{
	if ((k->plan->flags & (GATE_PLAN_TERMINAL | GATE_PLAN_PLAIN_STDIO)) != 0)
		return 0;
	if ((k->plan->flags & GATE_PLAN_STDIN) != 0 && (k->in = make_pipe(k, 0, false)) < 0)
		return k->in;
	for (int i = 0; i < 2; i++)
		if ((k->streams[i].fd = make_pipe(k, i + 1, true)) < 0)
			return k->streams[i].fd;
	return 0;
}

static void close_its_ends(struct gate_keeper *k)
{
	for (int i = 0; i < 3; i++) {
		if (k->view.stdio[i] >= 0)
			(void)close(k->view.stdio[i]);
		k->view.stdio[i] = -1;
	}
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "01234567-89ab-…": 16 bytes; all zero when it cannot be read. */
static void read_boot_id(int proc, uint8_t ret[16])
{
	char text[64];
	unsigned digits = 0;

	memset(ret, 0, 16);
	if (proc < 0 || gate_store_read(proc, "sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		return;
	for (const char *p = text; *p != '\0' && digits < 32; p++)
		if (hex(*p) >= 0) {
			ret[digits / 2] = (uint8_t)(ret[digits / 2] << 4 | hex(*p));
			digits++;
		}
}

static uint64_t read_start(int proc, pid_t pid)
{
	char name[24], text[1024];
	size_t at = sizeof(name);
	uint64_t value = 0;
	static const char file[] = "/stat";

	at -= sizeof(file);
	memcpy(name + at, file, sizeof(file));
	for (; pid > 0; pid /= 10)
		name[--at] = (char)('0' + pid % 10);
	if (proc < 0 || gate_store_read(proc, name + at, text, sizeof(text)) < 0)
		return 0;
	/* The second field is a name in brackets that may hold anything, brackets and blanks too. */
	const char *p = strrchr(text, ')');
	for (int field = 2; p != NULL && field < FIELD_START; field++) {
		p = strchr(p, ' ');
		p = p != NULL ? p + 1 : NULL;
	}
	for (; p != NULL && *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	return value;
}

/* What the launch's report says of a program that does not run. */
static void tell_failure(struct gate_keeper *k)
{
	const struct gate_launch_report *report = k->report;
	struct gate_record *r = &k->record;

	r->row = report->row;
	r->step = report->row < k->plan->n_rows ? k->view.rows[report->row].step : GATE_STEP_NONE;
	r->object = report->object;
	r->outcome = report->exec_sys != 0 ? GATE_OUTCOME_NOT_EXECUTED : GATE_OUTCOME_NOT_STARTED;
	r->sys = report->exec_sys != 0 ? (int32_t)report->exec_sys : report->sys;
	if (r->sys < 0)
		r->sys = -r->sys;
}

bool gate_keeper_start(struct gate_keeper *k)
{
	struct gate_record *r = &k->record;
	int proc = gate_plan_fd(&k->view, k->plan->proc), failed = make_pipes(k);

	r->created_ns = gate_keeper_time_ns();
	r->keeper = (uint32_t)getpid();
	r->session = NO_SESSION;
	k->task = (struct gate_launched){ 0, -1, -1, -1 };
	if (k->report == NULL)
		failed = -ENOMEM;
	if (failed < 0) {
		read_boot_id(proc, r->boot_id);
		close_its_ends(k);
		r->outcome = GATE_OUTCOME_NOT_STARTED;
		r->step = GATE_STEP_STDIO;
		r->sys = -failed;
		return false;
	}
	k->report->session = NO_SESSION;
	k->report->listener = -1;
	int started = gate_launch_start(&k->view, k->report, &k->task);
	close_its_ends(k);
	read_boot_id(proc, r->boot_id);
	if (started < 0) {
		tell_failure(k);
		return false;
	}
	if (k->task.terminal >= 0) {
		(void)fcntl(k->task.terminal, F_SETFL, O_NONBLOCK);
		k->streams[0].fd = k->in = k->task.terminal;
	}
	r->started_ns = gate_keeper_time_ns();
	r->state = GATE_TASK_RUNNING;
	r->pid = (uint32_t)k->task.pid;
	r->pid_start = read_start(proc, k->task.pid);
	r->session = k->report->session;
	return true;
}

/* --- after the start --- */
static void keep(uint8_t *kept, int32_t index)
{
	if (index >= 0)
		kept[index] = 1;
}

/* Mounts, namespaces, the filter's files: what is still open here lives as long as the task otherwise. */
static void close_the_rest(struct gate_keeper *k)
{
	uint8_t kept[GATE_PLAN_FDS_MAX] = { 0 };
	const struct gate_plan *p = k->plan;

	keep(kept, p->dir);
	keep(kept, p->control);
	keep(kept, p->audit);
	keep(kept, p->audit_ask);
	keep(kept, p->proc);
	keep(kept, p->lock);
	if ((p->flags & GATE_PLAN_REMOVE) != 0) {
		keep(kept, p->parent);
		keep(kept, p->names);
	}
	for (uint32_t i = 0; i < p->n_cgroups; i++) {
		keep(kept, p->cgroups[i].dir);
		keep(kept, p->cgroups[i].parent);
	}
	for (uint32_t i = 0; i < p->n_fds; i++)
		if (kept[i] == 0) {
			(void)close(k->fds[i]);
			k->fds[i] = -1;
		}
	/* Whoever reads them must see their end when the task's processes are gone. */
	if ((p->flags & GATE_PLAN_PLAIN_STDIO) != 0)
		(void)gate_keeper_let_go();
}

#define CAP(c) (UINT64_C(1) << (c))

static uint64_t needed(const struct gate_keeper *k)
{
	uint64_t caps = CAP(CAP_KILL);

	if (k->denials.fd >= 0)
		caps |= CAP(CAP_AUDIT_WRITE) | CAP(CAP_AUDIT_CONTROL);
	/* The top of a hierarchy has mode 0555 (kernfs), and the task's group goes from there. */
	if (k->plan->n_cgroups > 0)
		caps |= CAP(CAP_DAC_OVERRIDE);
	/* Directories of other users' in the task's sandbox, sticky ones among them. */
	if ((k->plan->flags & GATE_PLAN_REMOVE) != 0)
		caps |= CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER);
	return caps;
}

static int drop_capabilities(uint64_t wanted)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(wanted >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int gate_keeper_confine(struct gate_keeper *k)
{
	close_the_rest(k);
	int result = drop_capabilities(needed(k));
	if (result < 0)
		return result;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return gate_keeper_filter();
}
