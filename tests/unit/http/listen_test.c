/* Which sockets may be listened on, and what happens to what is in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/http.h"

static char dir[64], path[128];

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/listen-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.sock", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void refused(const char *where, const char *inside)
{
	struct gate_err err = GATE_ERR_INIT;
	int fd = -1;

	assert_int_equal(gate_http_listen_unix(where, (gid_t)-1, &fd, &err), -1);
	assert_int_equal(fd, -1);
	if (!strstr(err.text, inside))
		fail_msg("'%s' and not '%s'", err.text, inside);
}

static void makes_a_socket_for_owner_and_group(void **state)
{
	struct stat st;
	mode_t before = umask(0);
	int fd;

	(void)state;
	assert_int_equal(gate_http_listen_unix(path, (gid_t)-1, &fd, NULL), 0);
	assert_int_equal(umask(before), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, getegid());
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	gate_http_unlisten(path, fd);
	assert_int_equal(access(path, F_OK), -1);
}

static void gives_it_to_a_group(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(gate_http_listen_unix(path, 4242, &fd, NULL), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_gid, 4242);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	gate_http_unlisten(path, fd);
}

static void makes_its_directory(void **state)
{
	char below[160], *slash;
	struct stat st;
	int fd;

	(void)state;
	snprintf(below, sizeof(below), "%s/run/a.sock", dir);
	assert_int_equal(gate_http_listen_unix(below, (gid_t)-1, &fd, NULL), 0);
	gate_http_unlisten(below, fd);
	slash = strrchr(below, '/');
	*slash = 0;
	assert_int_equal(lstat(below, &st), 0);
	assert_int_equal(st.st_mode & 022, 0);
	assert_int_equal(rmdir(below), 0);
}

static void takes_only_its_own_stale_socket_away(void **state)
{
	int fd, again;

	(void)state;
	assert_int_equal(gate_http_listen_unix(path, (gid_t)-1, &fd, NULL), 0);
	refused(path, "somebody else answers at '");
	close(fd); /* as if killed: the socket stays */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(gate_http_listen_unix(path, (gid_t)-1, &again, NULL), 0);
	gate_http_unlisten(path, again);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refused(path, "is there and is no socket");
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(symlink("elsewhere", path), 0);
	refused(path, "is there and is no socket");
}

static void leaves_what_is_not_its_own(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(gate_http_listen_unix(path, (gid_t)-1, &fd, NULL), 0);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	gate_http_unlisten(path, fd);
	assert_int_equal(access(path, F_OK), 0);
}

static void wants_a_directory_that_nobody_else_writes_to(void **state)
{
	char below[160];

	(void)state;
	assert_int_equal(chmod(dir, 0770), 0);
	refused(path, "others may write to '");
	assert_int_equal(chmod(dir, 0702), 0);
	refused(path, "others may write to '");
	assert_int_equal(chmod(dir, 0700), 0);
	snprintf(below, sizeof(below), "%s/link", dir);
	assert_int_equal(symlink("/run", below), 0);
	strcat(below, "/a.sock");
	refused(below, "is not a directory");
	*strrchr(below, '/') = 0;
	unlink(below);
	if (geteuid() == 0) {
		assert_int_equal(chown(dir, 4242, (gid_t)-1), 0);
		refused(path, "belongs to somebody else (uid 4242)");
		assert_int_equal(chown(dir, 0, (gid_t)-1), 0);
	}
}

static void refuses_paths_that_cannot_be(void **state)
{
	char longest[200];

	(void)state;
	refused("a.sock", "does not begin with '/'");
	refused("/a.sock", "may not be in '/'");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	refused(longest, "more than 107 bytes");
	refused("/nowhere/at/all/a.sock", "cannot make '/nowhere/at/all'");
}

static void tcp_addresses_are_numeric(void **state)
{
	static const char *const bad[] = { "",          "5051",        ":5051",     "localhost:5051", "127.0.0.1",
					   "127.0.0.1:", "127.0.0.1:x", "1.2.3.4:65536", "::1:5051",       "[::1]",
					   "[127.0.0.1]:80", "[]:80",    "127.0.0.1:-1", "127.0.0.1:080" };
	struct gate_err err;
	int fd;

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++) {
		err = (struct gate_err)GATE_ERR_INIT;
		assert_int_equal(gate_http_listen_tcp(bad[i], &fd, &err), -1);
		assert_non_null(strstr(err.text, "is no numeric address with a port"));
	}
	assert_int_equal(gate_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
	close(fd);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_http_listen_tcp("192.0.2.1:80", &fd, &err), -1);
	assert_non_null(strstr(err.text, "cannot listen on 192.0.2.1:80"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(makes_a_socket_for_owner_and_group),
		T(gives_it_to_a_group),
		T(makes_its_directory),
		T(takes_only_its_own_stale_socket_away),
		T(leaves_what_is_not_its_own),
		T(wants_a_directory_that_nobody_else_writes_to),
		T(refuses_paths_that_cannot_be),
		cmocka_unit_test(tcp_addresses_are_numeric),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
