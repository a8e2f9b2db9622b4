/* Kernels and container engines that lack the newer calls: answered with ENOSYS by a filter over the launcher. */
#include "harness.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "launch/sys.h"

#define LACKS(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
static const struct sock_filter old_kernel[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	LACKS(SYS_clone3), LACKS(SYS_close_range), LACKS(SYS_faccessat2), LACKS(437 /* openat2 */),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static char group[128];

/* A cgroup of ours, where there is a version 2 hierarchy that we may write to. */
static int make_group(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[128];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", roots[i]);
		if (access(path, F_OK) < 0)
			continue;
		snprintf(group, sizeof(group), "%s/gate-launch-%d", roots[i], getpid());
		if (mkdir(group, 0755) == 0)
			return open(group, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	group[0] = '\0';
	return -1;
}

static bool is_in_group(pid_t pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, strrchr(group, '/')) != NULL;
}

static void launch_once(int dir)
{
	struct build b;
	int junk[50];

	for (int i = 0; i < 50; i++)
		junk[i] = dup(2);
	begin(&b, 0);
	b.argv[0] = "sleep";
	b.argv[1] = "1000";
	if (dir >= 0)
		b.rows[0].fd = dir + 1;
	for (unsigned fd = 0; fd < 3; fd++)
		ADD(&b, STDIO, .a = fd);
	ADD(&b, NO_NEW_PRIVS);
	FILTER_WITH(&b, build_allow);
	finish(&b, GATE_LOAD_LOWERED);
	assert_int_equal(start(&b), 0);
	unsigned n = 100;
	for (int i = 0; n != 3 && i < 500; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd", got.pid);
		DIR *d = opendir(path);
		assert_non_null(d);
		for (n = 0; readdir(d) != NULL;)
			n++;
		closedir(d);
		n -= 2; /* . and .. */
		usleep(n == 3 ? 0 : 2000);
	}
	assert_int_equal(n, 3);
	if (dir >= 0)
		assert_true(is_in_group(got.pid));
	assert_int_equal(kill(got.pid, SIGKILL), 0);
	assert_int_equal(end(), -SIGKILL);
	for (int i = 0; i < 50; i++)
		close(junk[i]);
}

static void a_launch_by_new_and_old_calls(void **state)
{
	const struct sock_fprog prog = { sizeof(old_kernel) / sizeof(old_kernel[0]), (struct sock_filter *)(uintptr_t)old_kernel };
	int status = -1, dir = make_group();

	(void)state;
	if (dir < 0)
		print_message("no cgroup v2 to start in: that part is left out\n");
	pid_t pid = fork();
	if (pid == 0) {
		launch_once(dir);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
			_exit(9);
		launch_once(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; dir >= 0 && rmdir(group) < 0 && i < 500; i++)
		usleep(2000);
	if (dir >= 0)
		close(dir);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_launch_by_new_and_old_calls) };

	return cmocka_run_group_tests(tests, before, NULL);
}
