/* Roots, programs and callers that want out of the task, or more than it has (tests/checklist.md). */
#include "tasks.h"

#include <elf.h>
#include <signal.h>
#include <sys/syscall.h>

static struct ended e;

#define ROOTED(p)                                                                                                      \
	char rooted[128];                                                                                              \
	(void)snprintf(rooted, sizeof(rooted), "rootfs=%s", ((const struct place *)(p))->root)

static const char *in_root(const struct place *p, const char *name)
{
	static char path[2][192];
	static unsigned n;

	(void)snprintf(path[++n % 2], sizeof(path[0]), "%s/%s", p->root, name);
	return path[n % 2];
}

/* --- the keeper's program (rows 1 and 10) --- */

static void the_keepers_program_is_sealed_and_static(void **state)
{
	struct place *p = *state;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	char path[64], name[64] = "";
	Elf64_Ehdr head;
	Elf64_Phdr part;
	ROOTED(p);

	memset(&e, 0, sizeof(e));
	task_of(&t, LIST("rm=true", rooted), LIST("/inside", "sleep", "60"));
	if (gate_container_start(p->s, &t, &open_profile, &e.started, &err) < 0 || !e.started.started)
		fail_msg("%s%s", err.text, e.started.why);
	gate_task_done(&t);

	(void)snprintf(path, sizeof(path), "/proc/%u/exe", e.started.record.keeper);
	assert_true(readlink(path, name, sizeof(name) - 1) > 0);
	assert_ptr_equal(strstr(name, "/memfd:callgate-keeper"), name);
	assert_int_equal(open(path, O_WRONLY | O_CLOEXEC), -1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	/* No interpreter: no loader, and no library that a container could plant. */
	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	for (unsigned i = 0; head.e_ident[EI_CLASS] == ELFCLASS64 && i < head.e_phnum; i++) {
		assert_int_equal(pread(fd, &part, sizeof(part), (off_t)(head.e_phoff + i * sizeof(part))), sizeof(part));
		assert_int_not_equal(part.p_type, PT_INTERP);
	}
	/* Also when nobody runs it any more, which lifts the kernel's own ban on writing to what runs. */
	assert_int_equal(gate_frame_send(e.started.socket, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0), 0);
	follow(&e);
	(void)close(e.started.socket);
	(void)close(e.started.pidfd);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 500 && again < 0 && errno == ETXTBSY; i++) {
		(void)usleep(2000);
		again = open(path, O_WRONLY | O_CLOEXEC);
	}
	assert_true(again >= 0);
	assert_int_equal(write(again, "x", 1), -1);
	assert_int_equal(errno, EPERM);
	(void)close(again);
	(void)close(fd);
}

static void programs_that_are_the_keeper(void **state)
{
	struct place *p = *state;
	ROOTED(p);

	write_text(in_root(p, "script"), "#!/proc/self/exe\n");
	assert_int_equal(chmod(in_root(p, "script"), 0755), 0);
	assert_int_equal(symlink("/proc/self/exe", in_root(p, "link")), 0);
	static const char *const programs[] = { "/script", "/link", "/proc/self/exe", "/proc/1/exe" };
	for (size_t i = 0; i < GATE_ARRAY_LEN(programs); i++) {
		struct gate_task t;

		task_of(&t, LIST("rm=true", rooted), LIST(programs[i], "id"));
		run_task(p, &t, &open_profile, &e);
		gate_task_done(&t);
		/* The keeper without its socket: it ends at once, as the task, in the task's walls. */
		assert_int_equal(e.result, 0);
		assert_int_not_equal(gate_record_exit_code(&e.record), 0);
		assert_string_equal(e.out, "");
	}
}

static void entrypoints_that_are_no_programs(void **state)
{
	struct place *p = *state;
	ROOTED(p);

	assert_int_equal(mkfifo(in_root(p, "fifo"), 0777), 0);
	assert_int_equal(mknod(in_root(p, "device"), S_IFCHR | 0777, 0x103), 0);
	assert_int_equal(mkdir(in_root(p, "directory"), 0777), 0);
	static const char *const programs[] = { "/fifo", "/device", "/directory" };
	for (size_t i = 0; i < GATE_ARRAY_LEN(programs); i++)
		refuse(p, &e, "cannot be executed", LIST("rm=true", rooted), LIST(programs[i]));
}

/* --- who it is --- */

static void a_keyring_of_its_own(void **state)
{
	char own[32];
	ROOTED(*state);

	long id = syscall(SYS_keyctl, 0L, -3L, 0L);
	if (id < 0) {
		print_message("skipped: no keyrings here\n");
		skip();
	}
	(void)snprintf(own, sizeof(own), "%ld\n", id);
	run(*state, &e, 0, LIST("rm=true", rooted), LIST("/inside", "keyring"));
	assert_string_not_equal(e.out, own);
	run(*state, &e, 0, LIST("rm=true", rooted, "user=web"), LIST("/inside", "keyring"));
	assert_string_not_equal(e.out, own);
}

static void a_set_user_id_program_of_the_image(void **state)
{
	struct place *p = *state;
	ROOTED(p);

	copy_file(INSIDE, in_root(p, "suid"));
	assert_int_equal(chmod(in_root(p, "suid"), 04755), 0);
	/* Root of the task, with what the task may have at most … */
	run(p, &e, 0, LIST("rm=true", rooted, "user=web", "cap-drop=CHOWN"), LIST("/suid", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nUid:\t1000\t0\t0\t0\n"));
	assert_non_null(strstr(e.out, "\nCapEff:\t00000000a80425fa\n"));
	assert_non_null(strstr(e.out, "\nSeccomp:\t2\n"));
	/* … and with no_new_privs not even that. */
	run(p, &e, 0, LIST("rm=true", rooted, "user=web", "security-opt=no-new-privileges"),
	    LIST("/suid", "cat", "/proc/self/status"));
	assert_non_null(strstr(e.out, "\nUid:\t1000\t1000\t1000\t1000\n"));
	assert_non_null(strstr(e.out, "\nCapEff:\t0000000000000000\n"));
}

/* --- what it is called with --- */

static void arguments_of_any_bytes_and_size(void **state)
{
	static char big[120000], flag[sizeof(big) + 16];
	const char *args[16] = { "/inside", "count" };
	struct place *p = *state;
	struct gate_task t;
	ROOTED(p);

	run(p, &e, 0, LIST("rm=true", rooted, "env=A=one\ntwo=\xff\xfe\x01"), LIST("/inside", "env"));
	assert_non_null(strstr(e.out, "\nA=one\ntwo=\xff\xfe\x01\n"));

	memset(big, 'x', sizeof(big) - 1);
	(void)snprintf(flag, sizeof(flag), "env=E=%s", big);
	for (size_t i = 2; i < 14; i++)
		args[i] = big;
	run(p, &e, 0, LIST("rm=true", rooted, flag), args);
	assert_true(strtoul(e.out, NULL, 10) > 13 * (sizeof(big) - 1));
	/* More than the kernel takes for the stack that it may have: execve says so, and nothing runs. */
	task_of(&t, LIST("rm=true", rooted, "ulimit=stack=1048576"), args);
	run_task(p, &t, &open_profile, &e);
	gate_task_done(&t);
	assert_false(e.started.started);
	assert_non_null(strstr(e.started.why, "cannot be executed: arguments and environment are longer"));
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
		TEST(the_keepers_program_is_sealed_and_static),
		TEST(programs_that_are_the_keeper),
		TEST(entrypoints_that_are_no_programs),
		TEST(a_keyring_of_its_own),
		TEST(a_set_user_id_program_of_the_image),
		TEST(arguments_of_any_bytes_and_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
