/* Stands where the front does: hands its connection to the launcher to whoever connects, and ends when that ends, as the front
 * does. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/ipc.h"
#include "launcher/launcher.h"

int main(void)
{
	const int fd = GATE_FRONT_LAUNCHER;
	struct pollfd p[2] = { { .fd = GATE_FRONT_UNIX, .events = POLLIN }, { .fd = fd, .events = 0 } };

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if ((p[1].revents & (POLLHUP | POLLERR)) != 0)
			return 0;
		int client = accept4(GATE_FRONT_UNIX, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		/* One byte, so that the descriptor has something to come with; our pid to be killed by. */
		(void)gate_ipc_send(client, GATE_IPC_DONE, 0, getpid(), 0, NULL, 0, &fd, 1);
		(void)close(client);
	}
}
