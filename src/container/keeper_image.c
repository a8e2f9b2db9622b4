/* The keeper's program, carried in ours, as a file that nobody can change and no path leads to. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container/prepare.h"
#include "keeper_image/image.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* 6.3: without it vm.memfd_noexec may refuse execve */
#endif

static int make(void)
{
	int fd = memfd_create("callgate-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	return fd >= 0 || errno != EINVAL ? fd : memfd_create("callgate-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int gate_keeper_memfd(struct gate_err *err)
{
	const size_t size = gate_keeper_size;
	int fd = make();

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot make memory for the keeper");
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, gate_keeper_image + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			goto failed;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
failed:
	(void)GATE_FAIL_SYS(err, "cannot copy the keeper into memory");
	(void)close(fd);
	return -1;
}
