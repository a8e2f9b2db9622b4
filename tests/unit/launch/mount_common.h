/* mount_common.h - steps run in namespaces of their own, on directories of their own. */
#ifndef MOUNT_COMMON_H
#define MOUNT_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dirent.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "container/rootfs.h"
#include "launch/mount_sys.h"
#include "plan_maker.h"

/* What happens in namespaces of its own: 0, or the line that failed. */
#define NEED(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #x, errno);                               \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)
#define STEP(m, name, ...)                                                                                             \
	({                                                                                                             \
		const int r_ = maker_run(m, gate_step_##name, (struct wanted){ __VA_ARGS__ });                         \
		if (r_ < 0)                                                                                            \
			errno = -r_;                                                                                   \
		r_;                                                                                                    \
	})

static char dir[64];

static inline int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/gate-mount-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}
static inline int remove_dir(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf --one-file-system '%s'", dir);
	return system(command);
}

static inline const char *in(const char *name)
{
	static char ring[8][256];
	static unsigned n;
	char *s = ring[n++ % 8];

	snprintf(s, 256, "%s/%s", dir, name);
	return s;
}

/* The kernel makes none for a process in a chroot, whoever it is (create_user_ns, Linux 3.9). */
static inline void needs_user_namespaces(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0) {
		print_message("skipped: no user namespace can be made here (in a chroot?)\n");
		skip();
	}
}

/* 77 when the body says that it cannot be here. */
static inline int run_or_skip(void (*body)(void), int flags)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		NEED(unshare(CLONE_NEWNS | flags) == 0);
		if ((flags & CLONE_NEWPID) != 0) {
			pid = fork();
			if (pid != 0) {
				NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
			}
		}
		body();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return 77;
	assert_int_equal(status, 0);
	return 0;
}
static inline void run(void (*body)(void), int flags)
{
	assert_int_equal(run_or_skip(body, flags), 0);
}

static inline bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}


/* From here on the call `nr` gives `error` in this process and its children. */
static inline void deny(int nr, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* In a mount namespace of its own: how many mounts there are at or beneath a path; descriptors that are open. */
static inline int mounts_at(const char *path)
{
	char line[4096], at[4096];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int n = 0;

	NEED(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %4095s", at) == 1 && strncmp(at, path, strlen(path)) == 0 &&
		    (strcmp(path, "/") == 0 || at[strlen(path)] == '/' || at[strlen(path)] == '\0'))
			n++;
	fclose(f);
	return n;
}
static inline int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	NEED(d != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* As the launcher gives it: for mount(2) on a descriptor, and for a "/" that is an initial ramfs. */
static inline void give_proc(struct maker *m)
{
	m->plan.proc = maker_fd(m, open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static inline void write_file(const char *path, const char *content)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	NEED(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
}

#endif
