/* docker://: skopeo(1) talks to registries, and leaves an OCI layout. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/store.h"

#define LAST 2048 /* of what it said */

/* It ends with whoever waits for it. */
__attribute__((noreturn)) static void become(const char *program, pid_t parent, int dir, int said,
                                             const char *const argv[])
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(said, 2) == 2 && fchdir(dir) == 0)
		execv(program, (char *const *)(uintptr_t)argv); /* execv(3) changes nothing in it */
	_exit(127);
}

/* The program in PATH, or NULL. */
static char *program_in_path(const char *name)
{
	const char *path = getenv("PATH");

	for (const char *p = path != NULL ? path : "/usr/bin:/bin"; *p != '\0';) {
		size_t n = strcspn(p, ":");
		char *full = NULL;

		if (n > 0 && p[0] == '/' && asprintf(&full, "%.*s/%s", (int)n, p, name) > 0 && access(full, X_OK) == 0)
			return full;
		free(full);
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* Its last words, on one line. */
static void listen(int fd, char last[LAST])
{
	size_t len = 0;

	for (;;) {
		char more[512];
		ssize_t n = read(fd, more, sizeof(more));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (len + (size_t)n >= LAST) { /* what comes last says most */
			size_t drop = len + (size_t)n - LAST + 1;

			memmove(last, last + drop, len - drop);
			len -= drop;
		}
		memcpy(last + len, more, (size_t)n);
		len += (size_t)n;
	}
	while (len > 0 && (last[len - 1] == '\n' || last[len - 1] == ' '))
		len--;
	last[len] = '\0';
	for (char *p = last; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

int gate_fetch(const char *name, const char *arch, int dir, struct gate_err *err)
{
	GATE_AUTOFREE char *program = program_in_path("skopeo"), *source = NULL;
	char last[LAST];
	int pipes[2], status = 0;
	pid_t parent = getpid(), pid;

	if (program == NULL)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "fetching docker:// needs skopeo, which is not installed (oci: and docker-archive: need nothing)");
	if (asprintf(&source, "docker://%s", name) < 0) {
		source = NULL;
		return GATE_FAIL_NOMEM(err);
	}
	const char *argv[] = {
		"skopeo", "--override-os=linux", "--override-arch", arch, "copy", "--quiet", source, "oci:layout:image",
		NULL
	};

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return GATE_FAIL_SYS(err, "making a pipe");
	pid = fork();
	if (pid == 0)
		become(program, parent, dir, pipes[1], argv);
	(void)close(pipes[1]);
	if (pid < 0) {
		(void)close(pipes[0]);
		return GATE_FAIL_SYS(err, "starting skopeo");
	}
	listen(pipes[0], last);
	(void)close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return GATE_FAIL(err, GATE_E_PROTO, "skopeo could not fetch it: %.380s",
	                 strlen(last) > 380 ? last + strlen(last) - 380
	                 : last[0] != '\0'  ? last
	                                    : "it said nothing");
}
