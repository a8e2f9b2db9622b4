/* Tasks of every kind, started and run to their end. */
#include "tasks.h"

#include <callgate/bpf.h>
#include <linux/capability.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/digest.h"
#include "run/privilege.h"

static struct ended e;

static void root_flag(const struct place *p, char flag[128])
{
	(void)snprintf(flag, 128, "rootfs=%s", p->root);
}

/* The kernel makes none for a process in a chroot, whoever it is (create_user_ns, Linux 3.9). */
static inline bool user_namespaces(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

#define ROOTED(p)                                                                                                      \
	char rooted[128];                                                                                              \
	root_flag((p), rooted)

static void a_plain_process_of_the_host(void **state)
{
	run(*state, &e, 7, LIST("isolation=linux/seccomp", "detach=false", "interactive=false"), LIST("/bin/sh", "-c", "exit 7"));
}

static void a_task_in_the_hosts_file_system(void **state)
{
	run(*state, &e, 0, LIST("rm=true"), LIST("/bin/sh", "-c", "echo $$; pwd; ls -A /tmp; touch /tmp/x && echo wrote"));
	assert_string_equal(e.out, "1\n/tmp\nwrote\n");
}

static void a_task_in_a_root_of_its_own(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "ls", "/dev"));
	assert_non_null(strstr(e.out, "urandom\n"));
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nSeccomp:\t2\n"));
	assert_non_null(strstr(e.out, "\nNoNewPrivs:\t0\n"));
	assert_non_null(strstr(e.out, "\nCapInh:\t0000000000000000\n"));
	assert_non_null(strstr(e.out, "\nCapBnd:\t00000000a80425fb\n"));
	assert_non_null(strstr(e.out, "\nCapEff:\t00000000a80425fb\n"));
	assert_non_null(strstr(e.out, "\nPid:\t1\n"));
}

static void another_user_has_no_capabilities_and_its_own_groups(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted, "user=web"), LIST("/inside", "id"));
	assert_string_equal(e.out, "1000 1001: 4 1001\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "user=1000:7"), LIST("/inside", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nUid:\t1000\t1000\t1000\t1000\n"));
	assert_non_null(strstr(e.out, "\nGroups:\t7 \n"));
	assert_non_null(strstr(e.out, "\nCapPrm:\t0000000000000000\n"));
	assert_non_null(strstr(e.out, "\nCapBnd:\t00000000a80425fb\n"));
	assert_non_null(strstr(e.out, "\nCapAmb:\t0000000000000000\n"));
	run(*state, &e, 0, LIST("rm=true", rooted, "user=web", "cap-add=NET_RAW", "cap-drop=CHOWN"),
	    LIST("/inside", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nCapEff:\t0000000000002000\n"));
	assert_non_null(strstr(e.out, "\nCapAmb:\t0000000000002000\n"));
	assert_non_null(strstr(e.out, "\nCapBnd:\t00000000a80425fa\n"));
}

static void no_new_privs_when_asked_for(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted, "security-opt=no-new-privileges"), LIST("/inside", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(e.out, "\nSeccomp:\t2\n"));
}

static void only_three_descriptors(void **state)
{
	int junk[200];
	ROOTED(*state);

	for (size_t i = 0; i < GATE_ARRAY_LEN(junk); i++)
		junk[i] = open("/", O_PATH);
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "fds"));
	for (size_t i = 0; i < GATE_ARRAY_LEN(junk); i++)
		(void)close(junk[i]);
	assert_string_equal(e.out, "0\n1\n2\n");
}

static void what_is_written_does_not_reach_the_root(void **state)
{
	struct place *p = *state;
	char path[160];
	ROOTED(p);

	run(p, &e, 0, LIST("rm=true", rooted), LIST("/inside", "write", "/new", "text"));
	(void)snprintf(path, sizeof(path), "%s/new", p->root);
	assert_int_equal(access(path, F_OK), -1);
	(void)strcat(rooted, ":rw");
	run(p, &e, 0, LIST("rm=true", rooted), LIST("/inside", "write", "/new", "text"));
	assert_int_equal(access(path, F_OK), 0);
	root_flag(p, rooted);
	run(p, &e, 1, LIST("rm=true", rooted, "read-only=true"), LIST("/inside", "write", "/new2", "text"));
	assert_string_equal(e.out, "/new2: Read-only file system\n");
}

static void volumes(void **state)
{
	struct place *p = *state;
	char volume[256], path[128];
	ROOTED(p);

	(void)snprintf(path, sizeof(path), "%s/data", p->path);
	(void)mkdir(path, 0755);
	(void)snprintf(volume, sizeof(volume), "volume=%s:/data/deep", path);
	run(p, &e, 0, LIST("rm=true", rooted, volume), LIST("/inside", "write", "/data/deep/x", "text"));
	(void)strcat(path, "/x");
	assert_int_equal(access(path, F_OK), 0);
	(void)strcat(volume, ":ro");
	run(p, &e, 1, LIST("rm=true", rooted, volume), LIST("/inside", "write", "/data/deep/y", "text"));
	assert_string_equal(e.out, "/data/deep/y: Read-only file system\n");
	run(p, &e, 0, LIST("rm=true", rooted, "tmpfs=/scratch:size=64k"), LIST("/inside", "write", "/scratch/y", "text"));
	refuse(p, &e, "/nowhere", LIST("rm=true", rooted, "mount=type=bind,src=/nowhere,dst=/x"), LIST("/inside", "id"));
}

static void hosts_names_and_environment(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted, "hostname=box"), LIST("/inside", "cat", "/etc/hostname", "/proc/sys/kernel/hostname"));
	assert_string_equal(e.out, "box\nbox\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "hostname=box", "env=A=b", "user=web"), LIST("/inside", "env"));
	assert_string_equal(e.out, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOSTNAME=box\nA=b\nHOME=/srv\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "workdir=/not/yet"), LIST("/inside", "cwd"));
	assert_string_equal(e.out, "/not/yet\n");
}

static void a_terminal(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted, "tty=true", "user=web"), LIST("/inside", "stat", "/dev/pts/0"));
	assert_non_null(strstr(e.out, "20620 1000:5 136:0"));
}

static void masks(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "stat", "/proc/interrupts"));
	assert_non_null(strstr(e.out, " 1:3\n"));
	run(*state, &e, 1, LIST("rm=true", rooted), LIST("/inside", "write", "/proc/sys/kernel/panic", "0"));
	assert_string_equal(e.out, "/proc/sys/kernel/panic: Read-only file system\n");
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "ls", "/sys/firmware"));
	assert_string_equal(e.out, "");
}

static void each_isolator_alone(void **state)
{
	for (int i = 0; i < GATE_ISOLATE_COUNT; i++) {
		char isolation[128];

		if (i == GATE_ISOLATE_SECCOMP)
			continue;
		(void)snprintf(isolation, sizeof(isolation), "isolation=linux/seccomp,%s", gate_isolator_name((enum gate_isolator)i));
		print_message("%s\n", isolation);
		run(*state, &e, 3, LIST("rm=true", "detach=false", "tty=false", isolation), LIST("/bin/sh", "-c", "exit 3"));
	}
}

static void steps_that_fail_are_named(void **state)
{
	ROOTED(*state);
	refuse(*state, &e, "'/nothing' was not found", LIST("rm=true", rooted), LIST("/nothing"));
	assert_int_equal(gate_record_exit_code(&e.record), 127);
	refuse(*state, &e, "'nothing' was not found in the PATH", LIST("rm=true", rooted), LIST("nothing"));
	refuse(*state, &e, "cannot be executed: Permission denied", LIST("rm=true", rooted), LIST("/etc"));
	assert_int_equal(gate_record_exit_code(&e.record), 126);
	refuse(*state, &e, "step 'directory'", LIST("rm=true", rooted, "workdir=/inside"), LIST("/inside"));
	assert_int_equal(gate_record_exit_code(&e.record), 125);
	refuse(*state, &e, "nobody-here", LIST("rm=true", rooted, "user=nobody-here"), LIST("/inside"));
	struct gate_entry *list = NULL;
	size_t n = 1;
	assert_int_equal(gate_store_list(((struct place *)*state)->s, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(list);
}

static void limits(void **state)
{
	ROOTED(*state);
	run(*state, &e, 0, LIST("rm=true", rooted, "memory=32m", "pids-limit=7", "cpus=0.5", "ulimit=nofile=64:128"),
	    LIST("/inside", "cat", "/proc/self/limits", "/proc/self/cgroup"));
	assert_non_null(strstr(e.out, "Max open files            64                   128 "));
	/* In a cgroup namespace its own group is the root. */
	assert_non_null(strstr(e.out, access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "0::/\n" : "memory:/\n"));
	refuse(*state, &e, "cannot be raised", LIST("rm=true", rooted, "ulimit=nofile=2147483000"), LIST("/inside", "id"));
	run(*state, &e, 1, LIST("rm=true", rooted), LIST("/inside", "mknod", "/x", "7", "0"));
	assert_string_equal(e.out, "open: Operation not permitted\n");
}

/* Some kernels cannot show the file system that the test's root lies in with other owners. */
static bool can_map(struct place *p)
{
	struct gate_task t;
	ROOTED(p);

	if (!user_namespaces())
		return false;
	task_of(&t, LIST("rm=true", rooted, "userns=auto"), LIST("/inside", "id"));
	run_task(p, &t, &open_profile, &e);
	gate_task_done(&t);
	return e.result == 0 || strstr(e.err.text, "cannot be id-mapped here") == NULL;
}

static void a_user_namespace_of_its_own(void **state)
{
	if (!user_namespaces()) {
		print_message("skipped: no user namespace can be made here (in a chroot?)\n");
		skip();
	}
	ROOTED(*state);
	if (!can_map(*state)) {
		print_message("skipped: %s\n", e.err.text);
		skip();
	}
	run(*state, &e, 0, LIST("rm=true", rooted, "userns=auto"), LIST("/inside", "cat", "/proc/self/uid_map", "/proc/self/status"));
	assert_non_null(strstr(e.out, " 65536\n"));
	assert_null(strstr(e.out, "4294967295"));
	assert_non_null(strstr(e.out, "\nUid:\t0\t0\t0\t0\n"));
	assert_non_null(strstr(e.out, "\nCapEff:\t00000000a80425fb\n"));
	assert_non_null(strstr(e.out, "\nSeccomp:\t2\n"));
	run(*state, &e, 0, LIST("rm=true", rooted, "userns=auto"), LIST("/inside", "stat", "/inside"));
	assert_string_equal(e.out, "100755 0:0 0:0\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "userns=auto"), LIST("/inside", "write", "/new", "text"));
	run(*state, &e, 0, LIST("rm=true", rooted, "userns=auto", "user=web", "tty=true"), LIST("/inside", "stat", "/dev/pts/0"));
	assert_non_null(strstr(e.out, "20620 1000:5 136:0"));
	refuse(*state, &e, "is not mapped", LIST("rm=true", rooted, "userns=auto", "user=70000:1"), LIST("/inside", "id"));
}

static void more_in_a_running_task(void **state)
{
	struct place *p = *state;
	struct gate_err err = GATE_ERR_INIT;
	struct ended first = { 0 };
	struct gate_task t;
	ROOTED(p);

	task_of(&t, LIST(rooted, "user=web", "hostname=box", "cap-drop=CHOWN", "env=A=b", "detach=true", "memory=32m"),
	        LIST("/inside", "sleep", "30"));
	if (gate_container_start(p->s, &t, &open_profile, &first.started, &err) < 0 || !first.started.started)
		fail_msg("%s%s", err.text, first.started.why);
	gate_task_done(&t);
	const struct gate_exec asked[] = {
		{ .args = LIST("/inside", "cat", "/proc/self/status", "/proc/sys/kernel/hostname") },
		{ .args = LIST("/inside", "env"), .user = "0", .env = LIST("C=d"), .n_env = 1 },
		{ .args = LIST("/inside", "cat", "/proc/self/status"), .user = "root" },
		{ .args = LIST("/inside", "fds") },
		{ .args = LIST("/inside", "stat", "/dev/pts/0"), .terminal = true },
	};
	static const char *const wants[] = { "\nCapBnd:\t00000000a80425fa\n", "C=d\n", "\nCapEff:\t00000000a80425fa\n", "0\n1\n2\n",
		                             "20620 1000:5" };
	static const char *const wants_too[] = { "\nSeccomp:\t2\n", "A=b\n", "\nSeccomp:\t2\n", "", "" };
	for (size_t i = 0; i < GATE_ARRAY_LEN(asked); i++) {
		memset(&e, 0, sizeof(e));
		if (gate_container_exec(p->s, first.started.id, &asked[i], &e.started, &err) < 0 || !e.started.started)
			fail_msg("%s%s", err.text, e.started.why);
		follow(&e);
		(void)close(e.started.socket);
		(void)close(e.started.pidfd);
		assert_int_equal(gate_record_exit_code(&e.record), 0);
		if (strstr(e.out, wants[i]) == NULL || strstr(e.out, wants_too[i]) == NULL)
			fail_msg("%zu: %s", i, e.out);
	}
	(void)close(first.started.socket);
	(void)close(first.started.pidfd);
	memset(&e, 0, sizeof(e));
	assert_int_equal(gate_container_connect(p->s, first.started.id, &e.started.socket, NULL), 0);
	assert_int_equal(gate_frame_send(e.started.socket, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0), 0);
	assert_int_equal(gate_frame_send(first.started.socket, GATE_FRAME_WAIT, 0, 0, NULL, 0), 0);
	follow(&e);
	(void)close(e.started.socket);
	assert_int_equal(gate_record_exit_code(&e.record), 137);
	for (int i = 0; i < 100 && gate_store_remove(p->s, first.started.id, NULL) < 0; i++)
		(void)usleep(20000);
}

/* --- images --- */
static void blob(const struct place *p, const char *bytes, size_t len, char digest[65])
{
	char path[256], text[GATE_DIGEST_TEXT];
	struct gate_digest raw;

	gate_digest_bytes(bytes, len, &raw);
	gate_digest_text(&raw, text);
	(void)snprintf(digest, 65, "%s", text + strlen("sha256:"));
	(void)snprintf(path, sizeof(path), "%s/oci/blobs/sha256/%s", p->path, digest);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, bytes, len), len);
	(void)close(fd);
}

/* An OCI layout of one layer: the test's root. */
static void make_layout(const struct place *p)
{
	char command[512], text[2048], layer[65], config[65], manifest[65];
	struct stat st;

	(void)snprintf(command, sizeof(command), "mkdir -p %s/oci/blobs/sha256 && tar -C %s -cf %s/layer.tar .", p->path, p->root, p->path);
	assert_int_equal(system(command), 0);
	(void)snprintf(text, sizeof(text), "%s/layer.tar", p->path);
	int fd = open(text, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	char *bytes = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	blob(p, bytes, (size_t)st.st_size, layer);
	free(bytes);
	int n = snprintf(text, sizeof(text),
	                 "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/inside\"],\"Cmd\":[\"id\"],"
	                 "\"Env\":[\"PATH=/bin\",\"A=image\",\"B=image\"],\"User\":\"web\",\"WorkingDir\":\"/made/here\","
	                 "\"StopSignal\":\"SIGQUIT\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
	                 layer);
	blob(p, text, (size_t)n, config);
	int config_size = n;
	n = snprintf(text, sizeof(text),
	             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
	             "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:%s\",\"size\":%d},\"layers\":[{\"mediaType\":"
	             "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:%s\",\"size\":%lld}]}",
	             config, config_size, layer, (long long)st.st_size);
	blob(p, text, (size_t)n, manifest);
	(void)snprintf(text, sizeof(text),
	               "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
	               "\"digest\":\"sha256:%s\",\"size\":%d}]}",
	               manifest, n);
	(void)snprintf(command, sizeof(command), "%s/oci/index.json", p->path);
	write_text(command, text);
	(void)snprintf(command, sizeof(command), "%s/oci/oci-layout", p->path);
	write_text(command, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void an_image(void **state)
{
	struct place *p = *state;
	char image[128], store[96];

	make_layout(p);
	(void)snprintf(image, sizeof(image), "image=oci:%s/oci", p->path);
	(void)snprintf(store, sizeof(store), "%s/images", p->path);
	gate_store_images(p->s, store);
	run(p, &e, 0, LIST("rm=true", image), LIST());
	assert_string_equal(e.out, "1000 1001: 4 1001\n");
	run(p, &e, 0, LIST("rm=true", image), LIST("cwd"));
	assert_string_equal(e.out, "/made/here\n");
	run(p, &e, 0, LIST("rm=true", image, "env=B=mine", "hostname=box", "user=0"), LIST("env"));
	assert_string_equal(e.out, "PATH=/bin\nHOSTNAME=box\nA=image\nB=mine\nHOME=/root\n");
	/* An entrypoint of the task's own drops the image's command. */
	run(p, &e, 99, LIST("rm=true", image, "entrypoint=/inside"), LIST());
	run(p, &e, 5, LIST("rm=true", image, "entrypoint=/inside", "workdir=/"), LIST("exit", "5"));
	if (!can_map(p))
		return;
	run(p, &e, 0, LIST("rm=true", image, "userns=auto"), LIST("id"));
	assert_string_equal(e.out, "1000 1001: 4 1001\n");
}

/* --- without root --- */
enum { USER = 65533, SKIPPED = 77 };

/* Becomes that user, in a child: whoever launches without root is another process afterwards. */
static struct place *become_user(const struct place *p, const char *dir)
{
	static struct place own;

	own = *p;
	/* Dumpable as after an execve: else /proc/self is root's. */
	if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		_exit(101);
	(void)snprintf(own.state, sizeof(own.state), "%s/state", dir);
	if (gate_store_open(own.state, &own.s, NULL) < 0)
		_exit(102);
	return &own;
}

static void run_as_user(const struct place *own, const char *const *flags, const char *const *args)
{
	struct gate_task t;

	task_of(&t, flags, args);
	memset(&e, 0, sizeof(e));
	run_task((struct place *)(uintptr_t)own, &t, &open_profile, &e);
	gate_task_done(&t);
	if (e.result < 0 && strstr(e.err.text, "cannot make a user namespace") != NULL)
		_exit(SKIPPED);
}

static void must_end_well(void)
{
	if (e.result == 0 && e.started.started && gate_record_exit_code(&e.record) == 0)
		return;
	(void)fprintf(stderr, "%s%s%s\n", e.err.text, e.started.why, e.out);
	_exit(103);
}

static void wait_for(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: no user namespaces for everybody, or no newuidmap(1)\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_root(void **state)
{
	const struct place *p = *state;
	char dir[96], copy[128];

	(void)snprintf(dir, sizeof(dir), "%s/user", p->path);
	(void)snprintf(copy, sizeof(copy), "rootfs=%s", p->root);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, USER, USER), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct place *own = become_user(p, dir);

		run_as_user(own, LIST("rm=true", copy), LIST("/inside", "cat", "/proc/self/status", "/proc/self/uid_map"));
		must_end_well();
		if (strstr(e.out, "\nSeccomp:\t2\n") == NULL || strstr(e.out, "\nCapEff:\t00000000a80425fb\n") == NULL ||
		    strstr(e.out, "      65533 ") == NULL)
			_exit(104);
		/* One id only: another user is refused with the way out. */
		run_as_user(own, LIST("rm=true", copy, "user=7:7"), LIST("/inside", "id"));
		if (e.result == 0 || strstr(e.err.text, "newuidmap") == NULL)
			_exit(105);
		_exit(entries_of("/proc/self/fd") == p->fds + 4 ? 0 : 106);
	}
	wait_for(pid);
}

/* In a mount namespace where /etc/subuid and its like are the test's. */
static void lend_ids(const struct place *p)
{
	static const char *const names[] = { "passwd", "subuid", "subgid" };
	static const char *const texts[] = { "root:x:0:0::/:/bin/sh\ngateuser:x:65533:65533::/:/bin/sh\n", "gateuser:200000:65536\n",
		                             "gateuser:200000:65536\n" };
	char from[128], to[32];

	if (access("/usr/bin/newuidmap", X_OK) < 0 || access("/etc/subuid", F_OK) < 0 || access("/etc/subgid", F_OK) < 0)
		_exit(SKIPPED);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(107);
	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++) {
		(void)snprintf(from, sizeof(from), "%s/%s", p->path, names[i]);
		(void)snprintf(to, sizeof(to), "/etc/%s", names[i]);
		write_text(from, texts[i]);
		if (mount(from, to, NULL, MS_BIND, NULL) < 0)
			_exit(108);
	}
}

static void without_root_and_with_subordinate_ids(void **state)
{
	const struct place *p = *state;
	char dir[96], copy[128];

	(void)snprintf(dir, sizeof(dir), "%s/user", p->path);
	(void)snprintf(copy, sizeof(copy), "rootfs=%s", p->root);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, USER, USER), 0);
	pid_t pid = fork();
	if (pid == 0) {
		lend_ids(p);
		struct place *own = become_user(p, dir);

		run_as_user(own, LIST("rm=true", copy, "user=web"), LIST("/inside", "id"));
		must_end_well();
		if (strcmp(e.out, "1000 1001: 4 1001\n") != 0)
			_exit(104);
		_exit(0);
	}
	wait_for(pid);
}

/* --- namespaces of others, and none --- */
static void the_hosts_namespaces(void **state)
{
	char name[256] = "";
	ROOTED(*state);

	(void)gethostname(name, sizeof(name) - 2);
	(void)strcat(name, "\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "uts=host"), LIST("/inside", "cat", "/proc/sys/kernel/hostname"));
	assert_string_equal(e.out, name);
	run(*state, &e, 0, LIST("rm=true", rooted, "network=host"), LIST("/inside", "stat", "/etc/resolv.conf"));
	run(*state, &e, 0, LIST("rm=true", rooted, "network=none"), LIST("/inside", "ls", "/sys/class/net"));
	assert_string_equal(e.out, "lo\n");
	run(*state, &e, 0, LIST("rm=true", rooted, "pid=host"), LIST("/inside", "cat", "/proc/self/status"));
	assert_null(strstr(e.out, "\nPid:\t1\n"));
}

static void anothers_namespaces(void **state)
{
	struct place *p = *state;
	struct gate_err err = GATE_ERR_INIT;
	struct ended first = { 0 };
	struct gate_task t;
	ROOTED(p);

	task_of(&t, LIST(rooted, "name=first", "hostname=box", "detach=true", "rm=true"), LIST("/inside", "sleep", "30"));
	if (gate_container_start(p->s, &t, &open_profile, &first.started, &err) < 0 || !first.started.started)
		fail_msg("%s%s", err.text, first.started.why);
	gate_task_done(&t);
	(void)close(first.started.socket);
	run(p, &e, 0, LIST("rm=true", rooted, "uts=container:first", "network=container:first", "pid=container:first", "ipc=container:first"),
	    LIST("/inside", "cat", "/proc/sys/kernel/hostname", "/proc/1/cmdline"));
	assert_non_null(strstr(e.out, "box\n/inside"));
	refuse(p, &e, "no such container", LIST("rm=true", rooted, "pid=container:second"), LIST("/inside", "id"));
	memset(&e, 0, sizeof(e));
	assert_int_equal(gate_container_connect(p->s, first.started.id, &e.started.socket, NULL), 0);
	assert_int_equal(gate_frame_send(e.started.socket, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0), 0);
	assert_int_equal(gate_frame_send(e.started.socket, GATE_FRAME_WAIT, 0, 0, NULL, 0), 0);
	follow(&e);
	(void)close(e.started.socket);
	(void)close(first.started.pidfd);
	refuse(p, &e, "first", LIST("rm=true", rooted, "pid=container:first"), LIST("/inside", "id"));
}

static void a_privileged_task(void **state)
{
	struct place *p = *state;
	ROOTED(p);

	run(p, &e, 0, LIST("rm=true", rooted, "privileged=true"), LIST("/inside", "cat", "/proc/self/status"));
	struct gate_caller caller;
	char wanted[64];
	assert_int_equal(gate_caller_read(UINT64_MAX, &caller, NULL), 0);
	(void)snprintf(wanted, sizeof(wanted), "\nCapEff:\t%016llx\n", (unsigned long long)(caller.permitted & caller.bounding));
	assert_non_null(strstr(e.out, wanted));
	run(p, &e, 0, LIST("rm=true", rooted, "privileged=true"), LIST("/inside", "stat", "/dev/kmsg"));
	assert_non_null(strstr(e.out, " 1:11\n"));
}

/* --- profiles --- */
#if defined(__x86_64__)
#define EXECVE     59
#define EXIT_GROUP 231
#else
#define EXECVE     221
#define EXIT_GROUP 94
#endif

static void a_profile_of_nothing_but_the_programs_own_calls(void **state)
{
	/* Numbers alone: all else kills. */
	const struct gate_insn insns[] = {
		{ 0x20, 0, 0, 0 }, { 0x15, 2, 0, EXECVE }, { 0x15, 1, 0, EXIT_GROUP }, { 0x06, 0, 0, 0x80000000 }, { 0x06, 0, 0, 0x7fff0000 },
	};
	const struct gate_task_profile strict = { .insns = insns, .len = GATE_ARRAY_LEN(insns), .source = "strict" };
	struct place *p = *state;
	char path[160];
	ROOTED(p);

	(void)snprintf(path, sizeof(path), "%s/nothing", p->root);
	copy_file(NOTHING, path);
	const char *const *const flags[] = {
		LIST("rm=true", rooted),
		LIST("rm=true", rooted, "security-opt=no-new-privileges"),
		LIST("rm=true", rooted, "user=web", "group-add=7"),
		LIST("rm=true", rooted, "user=web", "security-opt=no-new-privileges"),
		LIST("rm=true", rooted, "user=web", "cap-add=NET_RAW", "ulimit=nofile=64:64", "workdir=/srv"),
		LIST("rm=true", rooted, "tty=true", "user=web"),
		LIST("rm=true", rooted, "cap-add=SYS_ADMIN"),
		LIST("rm=true", rooted, "cap-drop=ALL"),
		LIST("rm=true", rooted, "memory=32m", "init=true"),
		LIST("rm=true", rooted, "userns=auto", "read-only=true"),
	};
	for (size_t i = 0; i < GATE_ARRAY_LEN(flags) - !can_map(p); i++) {
		struct gate_task t;

		task_of(&t, flags[i], LIST("/nothing"));
		run_task(p, &t, &strict, &e);
		gate_task_done(&t);
		if (e.result < 0 || !e.started.started || gate_record_exit_code(&e.record) != 42)
			fail_msg("%zu: %s%s: %d", i, e.err.text, e.started.why, gate_record_exit_code(&e.record));
	}
}

static void working_directories_of_others(void **state)
{
	int outside = open("/", O_PATH | O_DIRECTORY);
	ROOTED(*state);

	for (int fd = 0; fd < 24; fd++) {
		char flag[64];
		struct gate_task t;

		(void)snprintf(flag, sizeof(flag), "workdir=/proc/self/fd/%d", fd);
		task_of(&t, LIST("rm=true", rooted, flag), LIST("/inside", "cwd"));
		run_task(*state, &t, &open_profile, &e);
		gate_task_done(&t);
		assert_true(e.result < 0 || !e.started.started);
	}
	(void)close(outside);
}

static void explaining_does_nothing(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT, json = GATE_BUF_INIT;
	struct place *p = *state;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	char path[160];
	ROOTED(p);

	task_of(&t, LIST(rooted, "memory=32m", "user=web", "userns=auto", "tmpfs=/x", "init=true"), LIST("/inside", "id"));
	if (gate_container_explain(p->s, &t, &open_profile, false, &text, &err) < 0 ||
	    gate_container_explain(p->s, &t, &open_profile, true, &json, &err) < 0)
		fail_msg("%s", err.text);
	gate_task_done(&t);
	static const char *const steps[] = { "join", "clone", "signals", "hostname", "private", "root", "/x (tmpfs)", "pivot", "init",
		                             "1000:1001", "loaded with cap_sys_admin", "execve", "namespaces/uts", "posix", "memory" };
	for (size_t i = 0; i < GATE_ARRAY_LEN(steps); i++)
		if (strcmp(steps[i], "posix") != 0 && strstr(text.data, steps[i]) == NULL)
			fail_msg("no '%s' in\n%s", steps[i], text.data);
	/* The group of the limit: a row of its own, or where the clone starts. */
	assert_true(strstr(text.data, "/callgate-ID\n") != NULL && strstr(text.data, "  filter  ") != NULL);
	assert_true(strstr(text.data, "/callgate-ID\n") < strstr(text.data, "  filter  "));
	assert_true(strstr(text.data, "  filter  ") < strstr(text.data, "  execve  "));
	assert_non_null(strstr(json.data, "\"load\": \"late\""));
	(void)snprintf(path, sizeof(path), "%s/containers", p->state);
	assert_int_equal(entries_of(path), 2);
}

/* What nobody asked for is the launch's own. */
static void explaining_a_plain_process(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct place *p = *state;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	task_of(&t, LIST("isolation=linux/seccomp"), LIST("/bin/true"));
	if (gate_container_explain(p->s, &t, &open_profile, false, &text, &err) < 0)
		fail_msg("%s", err.text);
	gate_task_done(&t);
	assert_non_null(strstr(text.data, "  capabilities  launch"));
	assert_null(strstr(text.data, "linux/capabilities"));
	assert_null(strstr(text.data, "callgate-ID"));
}

static int need_root(void **state)
{
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	return place_up(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, need_root, place_down)
	const struct CMUnitTest tests[] = {
		TEST(a_plain_process_of_the_host),
		TEST(a_task_in_the_hosts_file_system),
		TEST(a_task_in_a_root_of_its_own),
		TEST(another_user_has_no_capabilities_and_its_own_groups),
		TEST(no_new_privs_when_asked_for),
		TEST(only_three_descriptors),
		TEST(what_is_written_does_not_reach_the_root),
		TEST(volumes),
		TEST(hosts_names_and_environment),
		TEST(a_terminal),
		TEST(masks),
		TEST(each_isolator_alone),
		TEST(steps_that_fail_are_named),
		TEST(limits),
		TEST(a_user_namespace_of_its_own),
		TEST(more_in_a_running_task),
		TEST(without_root),
		TEST(without_root_and_with_subordinate_ids),
		TEST(an_image),
		TEST(the_hosts_namespaces),
		TEST(anothers_namespaces),
		TEST(a_privileged_task),
		TEST(a_profile_of_nothing_but_the_programs_own_calls),
		TEST(working_directories_of_others),
		TEST(explaining_does_nothing),
		TEST(explaining_a_plain_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
