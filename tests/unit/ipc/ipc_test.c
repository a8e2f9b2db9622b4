/* Messages between the agent's processes: whole or not at all, descriptors never lost, and nothing mapped that could still
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base.h"
#include "ipc/ipc.h"

static int ends[2];
static struct gate_ipc m;

static int setup(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	(void)state;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* A packet as somebody might send it who keeps to no rule. */
static void send_raw(const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { (void *)(uintptr_t)bytes, len };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(ends[0], &h, 0), len);
}

static void whole(void **state)
{
	static char large[GATE_IPC_BYTES_MAX];
	int pass[2] = { open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/zero", O_RDONLY | O_CLOEXEC) };
	char c = 1;

	(void)state;
	memset(large, 'x', sizeof(large));
	assert_int_equal(gate_ipc_send(ends[0], GATE_IPC_KILL, 7, -1, INT64_MAX, "web", 3, NULL, 0), 0);
	assert_int_equal(gate_ipc_send(ends[0], GATE_IPC_INVENTORY, 8, 0, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(gate_ipc_send(ends[0], GATE_IPC_WORK, 9, 0, 0, large, sizeof(large), pass, 2), 0);
	assert_int_equal(gate_ipc_receive(ends[1], &m, true), 1);
	assert_int_equal(m.head.type, GATE_IPC_KILL);
	assert_int_equal(m.head.serial, 7);
	assert_int_equal(m.head.a, -1);
	assert_true(m.head.b == INT64_MAX);
	assert_int_equal(m.head.len, 3);
	assert_memory_equal(m.bytes, "web", 3);
	assert_int_equal(m.fds[0], -1);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), 1);
	assert_int_equal(m.head.len, 0);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), 1);
	assert_int_equal(m.head.len, sizeof(large));
	assert_memory_equal(m.bytes, large, sizeof(large));
	assert_int_equal(read(m.fds[0], &c, 1), 0);
	assert_int_equal(read(m.fds[1], &c, 1), 1);
	assert_int_equal(fcntl(m.fds[0], F_GETFD), FD_CLOEXEC);
	gate_ipc_done(&m);
	assert_int_equal(m.fds[1], -1);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), -1);
	assert_int_equal(errno, EAGAIN);
	(void)close(pass[0]);
	(void)close(pass[1]);
}

static void too_much(void **state)
{
	static char large[GATE_IPC_BYTES_MAX + 1];
	int three[3] = { 0, 1, 2 };

	(void)state;
	assert_int_equal(gate_ipc_send(ends[0], 1, 1, 0, 0, large, sizeof(large), NULL, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(gate_ipc_send(ends[0], 1, 1, 0, 0, NULL, 0, three, 3), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void broken(void **state)
{
	static char bytes[sizeof(struct gate_ipc_head) + GATE_IPC_BYTES_MAX + 1];
	struct gate_ipc_head good = { .type = GATE_IPC_DONE, .len = 4 };
	const int three[3] = { ends[0], ends[0], ends[0] };
	const int before = open_descriptors();

	(void)state;
	/* Every length that is not the one that the head says, the head cut, all too long, no type. */
	for (size_t len = 1; len < sizeof(good) + 16; len++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, &good, sizeof(good));
		send_raw(bytes, len, three, 1);
		int got = gate_ipc_receive(ends[1], &m, false);

		assert_int_equal(got, len == sizeof(good) + 4 ? 1 : -1);
		if (got < 0)
			assert_int_equal(errno, EPROTO);
		gate_ipc_done(&m);
	}
	good.len = sizeof(bytes) - sizeof(good);
	memcpy(bytes, &good, sizeof(good));
	send_raw(bytes, sizeof(bytes), NULL, 0);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), -1);
	assert_int_equal(errno, EPROTO);
	good = (struct gate_ipc_head){ 0 };
	send_raw(&good, sizeof(good), NULL, 0);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), -1);
	/* More descriptors than a message may have: none stays. */
	good.type = GATE_IPC_DONE;
	send_raw(&good, sizeof(good), three, 3);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), -1);
	assert_int_equal(errno, EPROTO);
	const int many[16] = { 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0 };
	send_raw(&good, sizeof(good), many, 16);
	assert_int_equal(gate_ipc_receive(ends[1], &m, false), -1);
	assert_int_equal(open_descriptors(), before);
}

static void the_end(void **state)
{
	(void)state;
	/* What was sent before the peer went is heard, also when it left something of ours unread. */
	assert_int_equal(gate_ipc_send(ends[1], GATE_IPC_DONE, 1, 0, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(gate_ipc_send(ends[0], GATE_IPC_DONE, 2, 0, 0, NULL, 0, NULL, 0), 0);
	(void)close(ends[0]);
	ends[0] = -1;
	assert_int_equal(gate_ipc_receive(ends[1], &m, true), 1);
	assert_int_equal(m.head.serial, 2);
	assert_int_equal(gate_ipc_receive(ends[1], &m, true), 0);
	/* No SIGPIPE. */
	assert_int_equal(gate_ipc_send(ends[1], GATE_IPC_DONE, 1, 0, 0, NULL, 0, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
}

static void sealed(void **state)
{
	const void *bytes = NULL;
	size_t len = 0;
	int fd = -1;

	(void)state;
	assert_int_equal(gate_ipc_memfd("hello", 5, &fd, NULL), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(gate_ipc_map(fd, 5, &bytes, &len, NULL), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(bytes, "hello", 5);
	gate_ipc_unmap(bytes, len);
	struct gate_err err = GATE_ERR_INIT;
	assert_int_equal(gate_ipc_map(fd, 4, &bytes, &len, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	(void)close(fd);
	assert_int_equal(gate_ipc_memfd("", 0, &fd, NULL), 0);
	assert_int_equal(gate_ipc_map(fd, 4, &bytes, &len, NULL), 0);
	assert_int_equal(len, 0);
	gate_ipc_unmap(bytes, len);
	(void)close(fd);
}

/* One seal less, for each of them; and what is no memory file at all. */
static void not_sealed(void **state)
{
	static const int seals[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };
	const void *bytes = NULL;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(seals); i++) {
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(write(fd, "hello", 5), 5);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) & ~seals[i]), 0);
		if (seals[i] != F_SEAL_SEAL)
			assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
		assert_int_equal(gate_ipc_map(fd, 100, &bytes, &len, &err), -1);
		assert_int_equal(err.code, GATE_E_PROTO);
		(void)close(fd);
	}
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(gate_ipc_map(file, 1U << 30, &bytes, &len, NULL), -1);
	assert_int_equal(gate_ipc_map(ends[0], 100, &bytes, &len, NULL), -1);
	(void)close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(broken, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(not_sealed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
