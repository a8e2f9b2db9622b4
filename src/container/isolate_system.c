/* /proc, /sys and /dev of the task's own, and what of them it shall not see or change. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "container/prepare.h"
#include "container/rootfs.h"

#define QUIET         (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define SHM_DEFAULT   (UINT64_C(64) << 20)
#define DEVPTS_OPTION "newinstance,ptmxmode=0666,mode=0620"

/* Docker's, both lists. What this kernel does not have needs no row. */
static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
};
static const char *const read_only[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static void filesystem(struct gate_prepare *p, const char *type, const char *target, const char *options, uint64_t attr)
{
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_FILESYSTEM,
	                                     attr & MOUNT_ATTR_RDONLY ? "%s (%s, read-only)" : "%s (%s)", target, type);

	row->flags = GATE_ROW_DIRECTORY;
	row->text[0] = gate_plan_string(&p->plan, type);
	row->text[1] = gate_plan_string(&p->plan, target);
	row->text[2] = gate_plan_string(&p->plan, options);
	row->a = attr;
}

/* A directory of the host's, with what is mounted in it. */
static int from_host(struct gate_prepare *p, const char *path, bool writable, struct gate_err *err)
{
	const struct gate_volume v = {
		.kind = GATE_VOLUME_BIND, .source = path, .target = path, .read_only = !writable, .recursive = true
	};
	int tree = -1, object = -1;
	bool directory = true;

	if (!p->dry && gate_volume_tree(&v, -1, &tree, &object, &directory, err) < 0)
		return -1;
	struct gate_row *row =
	    gate_plan_row(&p->plan, object >= 0 ? GATE_STEP_BIND : GATE_STEP_ATTACH, "%s (the host's)", path);
	row->flags = GATE_ROW_DIRECTORY;
	row->fd = gate_plan_adopt(&p->plan, object >= 0 ? object : tree);
	row->text[0] = gate_plan_string(&p->plan, path);
	if (row->step == GATE_STEP_BIND) {
		row->text[1] = row->text[0];
		row->b = writable ? 0 : MOUNT_ATTR_RDONLY;
	}
	return 0;
}

/* --- each of them --- */
static int proc(struct gate_prepare *p, struct gate_err *err)
{
	bool own_pids = gate_separate(p, GATE_ISOLATE_PID, &p->task->pid);

	/* The host's /proc shows the host's processes: only a pid namespace has another one. */
	if (!p->own_root && !own_pids)
		return 0;
	p->plan.by = gate_isolator_name(p->own_root ? GATE_ISOLATE_FILESYSTEM : GATE_ISOLATE_PID);
	/* The kernel gives a procfs only to whoever owns the pid namespace (proc_init_fs_context). */
	if (!own_pids && (p->nested || p->has_userns))
		return from_host(p, "/proc", true, err);
	filesystem(p, "proc", "/proc", NULL, QUIET);
	return 0;
}

/* A new sysfs shows the devices of the network namespace that we are in. */
static int sys(struct gate_prepare *p, struct gate_err *err)
{
	bool own_network = gate_separate(p, GATE_ISOLATE_NETWORK, &p->task->network);
	struct statfs fs;

	if (!p->own_root && !own_network)
		return 0;
	p->plan.by = gate_isolator_name(p->own_root ? GATE_ISOLATE_FILESYSTEM : GATE_ISOLATE_NETWORK);
	/* The kernel gives a sysfs only to whoever owns the network namespace (sysfs_init_fs_context). */
	if (!own_network && (p->nested || p->has_userns))
		return from_host(p, "/sys", false, err);
	filesystem(p, "sysfs", "/sys", NULL, QUIET | (p->task->privileged ? 0 : MOUNT_ATTR_RDONLY));
	if (!gate_isolates(p, GATE_ISOLATE_CGROUP) || statfs("/sys/fs/cgroup", &fs) < 0 ||
	    fs.f_type != CGROUP2_SUPER_MAGIC)
		return 0;
	p->plan.by = gate_isolator_name(GATE_ISOLATE_CGROUP);
	filesystem(p, "cgroup2", "/sys/fs/cgroup", NULL, QUIET | (p->task->privileged ? 0 : MOUNT_ATTR_RDONLY));
	return 0;
}

/* Only what is surely not there needs no row. */
static bool there(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static int dev(struct gate_prepare *p, struct gate_err *err)
{
	char options[64];
	uint64_t size = p->task->shm_size != 0 ? p->task->shm_size : SHM_DEFAULT;
	/* Group 5 is "tty" nearly everywhere; where only few ids are mapped it is nobody's. */
	const char *pts = p->nested ? DEVPTS_OPTION : DEVPTS_OPTION ",gid=5";

	p->plan.by = gate_isolator_name(GATE_ISOLATE_FILESYSTEM);
	if (p->own_root && p->task->privileged) {
		if (from_host(p, "/dev", true, err) < 0)
			return -1;
	} else if (p->own_root && gate_isolate_dev(p, err) < 0) {
		return -1;
	}
	if (p->own_root || there("/dev/pts"))
		filesystem(p, "devpts", "/dev/pts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	(void)snprintf(options, sizeof(options), "mode=1777,size=%llu", (unsigned long long)size);
	if (gate_isolates(p, GATE_ISOLATE_IPC))
		p->plan.by = gate_isolator_name(GATE_ISOLATE_IPC);
	if (p->own_root || (gate_separate(p, GATE_ISOLATE_IPC, &p->task->ipc) && there("/dev/shm")))
		filesystem(p, "tmpfs", "/dev/shm", options, QUIET);
	if (gate_separate(p, GATE_ISOLATE_IPC, &p->task->ipc) && (p->own_root || there("/dev/mqueue")))
		filesystem(p, "mqueue", "/dev/mqueue", NULL, QUIET);
	return 0;
}

int gate_isolate_system(struct gate_prepare *p, struct gate_err *err)
{
	if (!gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		return 0;
	return proc(p, err) < 0 || sys(p, err) < 0 ? -1 : dev(p, err);
}

static void path_row(struct gate_prepare *p, enum gate_step step, const char *path)
{
	struct gate_row *row = gate_plan_row(&p->plan, step, "%s", path);

	row->text[0] = gate_plan_string(&p->plan, path);
}

/* Masks come after the volumes: on what is then there. */
static void masks(struct gate_prepare *p)
{
	p->plan.by = gate_isolator_name(GATE_ISOLATE_FILESYSTEM);
	for (size_t i = 0; i < GATE_ARRAY_LEN(masked); i++)
		if (there(masked[i]))
			path_row(p, GATE_STEP_COVER, masked[i]);
	for (size_t i = 0; i < GATE_ARRAY_LEN(read_only); i++)
		if (there(read_only[i]))
			path_row(p, GATE_STEP_READONLY, read_only[i]);
}

int gate_isolate_masks(struct gate_prepare *p, struct gate_err *err)
{
	(void)err;
	if (!gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		return 0;
	if (p->own_root && !p->task->privileged)
		masks(p);
	if (p->own_root && p->task->read_only)
		path_row(p, GATE_STEP_READONLY, "/");
	return 0;
}
