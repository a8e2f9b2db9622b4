#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "remote/remote.h"

#define HEAD_MAX ((size_t)256 * 1024)

extern char **environ;

struct gate_remote {
	pid_t pid;
	int out; /* its standard output */
	int status;
	struct gate_buf head; /* header lines */
	struct gate_buf rest; /* of the body, that came with the head */
	char host[256];
	bool ended;
};

/* Beside this program, or where it is installed. */
static int find_helper(char *ret, size_t size, struct gate_err *err)
{
	static const char *const places[] = { "callgate-http", "../libexec/callgate/callgate-http" };
	char here[4096];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot find out where callgate is");
	here[n] = 0;
	*strrchr(here, '/') = 0;
	for (size_t i = 0; i < GATE_ARRAY_LEN(places); i++) {
		(void)snprintf(ret, size, "%s/%s", here, places[i]);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	return GATE_FAIL(err, GATE_E_NOTFOUND,
	                 "callgate-http is neither in '%s' nor in '../libexec/callgate' beside it", here);
}

/* The request as a file: it may be larger than a pipe takes at once. */
static int write_request(const struct gate_remote_request *q, int *ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;
	size_t done = 0;
	int fd;

	gate_buf_printf(&b, "%s\n%s\n%s\nAccept: %s\nX-Callgate: 1\n", q->method, q->host, q->path,
	                q->accept ? q->accept : "application/json");
	if (q->header)
		gate_buf_printf(&b, "%s\n", q->header);
	if (q->body)
		gate_buf_puts(&b, "Content-Type: application/json\n");
	gate_buf_puts(&b, "\n");
	if (q->body)
		gate_buf_add(&b, q->body, q->body_len);
	if (b.failed)
		return GATE_FAIL_NOMEM(err);
	fd = memfd_create("request", MFD_CLOEXEC);
	while (fd >= 0 && done < b.len) {
		ssize_t n = write(fd, b.data + done, b.len - done);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (fd < 0 || done < b.len || lseek(fd, 0, SEEK_SET) < 0) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot write the request down");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*ret = fd;
	return 0;
}

static int start(struct gate_remote *r, const struct gate_remote_request *q, struct gate_err *err)
{
	char helper[4200];
	char *argv[] = { helper, NULL };
	posix_spawn_file_actions_t actions;
	int request, ends[2], failed;

	if (find_helper(helper, sizeof(helper), err) < 0 || write_request(q, &request, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(request);
		return GATE_FAIL_SYS(err, "cannot make a pipe");
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, request, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	failed = posix_spawn(&r->pid, helper, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(request);
	close(ends[1]);
	r->out = ends[0];
	if (!failed)
		return 0;
	r->pid = 0;
	errno = failed;
	return GATE_FAIL_SYS(err, "cannot start '%s'", helper);
}

/* "ERROR 111 sentence": what the errno means for who asks. */
static int connect_error(const struct gate_remote *r, const char *line, struct gate_err *err)
{
	char *end;
	long number = strtol(line, &end, 10);
	enum gate_errc code = number == EACCES || number == EPERM ? GATE_E_DENIED
	                      : number > 0                        ? GATE_E_NOTFOUND
	                                                          : GATE_E_PROTO;

	while (*end == ' ')
		end++;
	gate_err_set(err, code, (int)number, "no agent answers at %s: %s", r->host, end);
	return -1;
}

static int read_some(struct gate_remote *r, struct gate_buf *out, struct gate_err *err)
{
	char part[16384];
	ssize_t n;

	do
		n = read(r->out, part, sizeof(part));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read the answer of the agent at %s", r->host);
	gate_buf_add(out, part, (size_t)n);
	return out->failed ? GATE_FAIL_NOMEM(err) : n > 0;
}

static int read_head(struct gate_remote *r, struct gate_err *err)
{
	char *end = NULL, *line;
	uint64_t status;

	while (!end) {
		int more = r->head.len > HEAD_MAX ? 0 : read_some(r, &r->head, err);
		if (more < 0)
			return -1;
		end = r->head.data ? strstr(r->head.data, "\n\n") : NULL;
		if (more == 0 && !end)
			break;
	}
	line = r->head.data ? strchr(r->head.data, '\n') : NULL;
	if (line && strncmp(r->head.data, "ERROR ", 6) == 0) {
		*line = 0;
		return connect_error(r, r->head.data + 6, err);
	}
	if (!end || strncmp(r->head.data, "HTTP ", 5) != 0 ||
	    gate_u64_parse(r->head.data + 5, (size_t)(line - r->head.data - 5), 999, &status) < 0)
		return GATE_FAIL(err, GATE_E_PROTO, "callgate-http ended without an answer of the agent at %s",
		                 r->host);
	r->status = (int)status;
	gate_buf_add(&r->rest, end + 2, r->head.len - (size_t)(end + 2 - r->head.data));
	end[1] = 0;
	r->head.len = (size_t)(end + 1 - r->head.data);
	return r->rest.failed ? GATE_FAIL_NOMEM(err) : 0;
}

int gate_remote_open(const struct gate_remote_request *q, struct gate_remote **ret, struct gate_err *err)
{
	GATE_AUTO(gate_remote_closep) struct gate_remote *r = calloc(1, sizeof(*r));

	if (!r)
		return GATE_FAIL_NOMEM(err);
	r->out = -1;
	(void)snprintf(r->host, sizeof(r->host), "%s", q->host);
	if (strpbrk(q->host, "\n\r") || strpbrk(q->path, "\n\r \t"))
		return GATE_FAIL(err, GATE_E_INVALID, "a host or path with blanks or line ends");
	if (start(r, q, err) < 0 || read_head(r, err) < 0)
		return -1;
	*ret = GATE_TAKE(&r);
	return 0;
}

int gate_remote_status(const struct gate_remote *r)
{
	return r->status;
}

const char *gate_remote_header(const struct gate_remote *r, const char *name)
{
	size_t len = strlen(name);
	char *line = r->head.data;

	/* Lines become strings as they are asked for: a NUL where the line ended. */
	while (line < r->head.data + r->head.len) {
		size_t n = strcspn(line, "\n");
		if (line[n])
			line[n] = 0;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
		line += n + 1;
	}
	return NULL;
}

/* How callgate-http ended: 0 for an answer that came whole. */
static int reap(struct gate_remote *r)
{
	int status = -1;

	if (r->pid <= 0)
		return -1;
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
	return status;
}

int gate_remote_read(struct gate_remote *r, struct gate_buf *out, struct gate_err *err)
{
	int more;

	if (r->rest.len > 0) {
		gate_buf_add(out, r->rest.data, r->rest.len);
		gate_buf_done(&r->rest);
		return out->failed ? GATE_FAIL_NOMEM(err) : 1;
	}
	if (r->ended)
		return 0;
	more = read_some(r, out, err);
	if (more != 0)
		return more;
	r->ended = true;
	if (reap(r) != 0)
		return GATE_FAIL(err, GATE_E_PROTO, "the answer of the agent at %s was cut short", r->host);
	return 0;
}

int gate_remote_wait(struct gate_remote *r, int ms)
{
	struct pollfd p = { r->out, POLLIN, 0 };

	return r->rest.len > 0 || r->ended || poll(&p, 1, ms) > 0;
}

void gate_remote_close(struct gate_remote *r)
{
	if (!r)
		return;
	if (r->out >= 0)
		close(r->out);
	if (r->pid > 0) {
		(void)kill(r->pid, SIGTERM);
		(void)reap(r);
	}
	gate_buf_done(&r->head);
	gate_buf_done(&r->rest);
	free(r);
}

int gate_remote_ask(const struct gate_remote_request *q, size_t most, struct gate_buf *body, struct gate_err *err)
{
	GATE_AUTO(gate_remote_closep) struct gate_remote *r = NULL;
	int more;

	if (gate_remote_open(q, &r, err) < 0)
		return -1;
	while ((more = gate_remote_read(r, body, err)) > 0)
		if (body->len > most)
			return GATE_FAIL(err, GATE_E_LIMIT, "the answer of the agent at %s has more than %zu bytes",
			                 q->host, most);
	return more < 0 ? -1 : r->status;
}

void gate_remote_escape(struct gate_buf *out, const char *s, bool slashes)
{
	for (; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		             strchr("-._~", *s) || (*s == '/' && slashes);
		if (plain)
			gate_buf_add(out, s, 1);
		else
			gate_buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}
