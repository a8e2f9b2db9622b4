/* listen.c - the sockets to accept on. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "http/http.h"

static void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static int take(int *fd)
{
	int got = *fd;

	*fd = -1;
	return got;
}

static int address_of(const char *path, struct sockaddr_un *ret, struct gate_err *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] != '/')
		return GATE_FAIL(err, GATE_E_INVALID, "the socket's path '%s' does not begin with '/'", path);
	if (strlen(path) >= sizeof(ret->sun_path))
		return GATE_FAIL(err, GATE_E_LIMIT, "the socket's path has more than %zu bytes",
		                 sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

/* Whoever may write there could put another socket in its place. */
static int check_directory(const char *path, struct gate_err *err)
{
	GATE_AUTOFREE char *directory = strdup(path);
	struct stat st;

	if (!directory)
		return GATE_FAIL_NOMEM(err);
	*strrchr(directory, '/') = 0;
	if (!*directory)
		return GATE_FAIL(err, GATE_E_INVALID, "the socket may not be in '/'");
	if (mkdir(directory, 0711) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make '%s'", directory);
	if (lstat(directory, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot look at '%s'", directory);
	if (!S_ISDIR(st.st_mode))
		return GATE_FAIL(err, GATE_E_DENIED, "'%s' is not a directory", directory);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return GATE_FAIL(err, GATE_E_DENIED, "'%s' belongs to somebody else (uid %u)", directory, st.st_uid);
	if (st.st_mode & 022)
		return GATE_FAIL(err, GATE_E_DENIED, "others may write to '%s' (mode %04o)", directory,
		                 st.st_mode & 07777);
	return 0;
}

/* Only a socket of ours that nobody listens on any more is taken away. */
static int clear_stale(const struct sockaddr_un *address, struct gate_err *err)
{
	GATE_AUTO(close_fd) int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : GATE_FAIL_SYS(err, "cannot look at '%s'", address->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return GATE_FAIL(err, GATE_E_CONFLICT, "'%s' is there and is no socket", address->sun_path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return GATE_FAIL(err, GATE_E_DENIED, "'%s' belongs to somebody else (uid %u)", address->sun_path,
		                 st.st_uid);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot make a socket");
	/* EAGAIN: its queue is full, so somebody is there. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return GATE_FAIL(err, GATE_E_CONFLICT, "somebody else answers at '%s'", address->sun_path);
	if (errno != ECONNREFUSED)
		return GATE_FAIL_SYS(err, "cannot ask whether somebody answers at '%s'", address->sun_path);
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return GATE_FAIL_SYS(err, "cannot remove '%s'", address->sun_path);
	return 0;
}

int gate_http_listen_unix(const char *path, gid_t group, int *ret, struct gate_err *err)
{
	GATE_AUTO(close_fd) int fd = -1;
	struct sockaddr_un address;
	mode_t before;
	int bound;

	if (address_of(path, &address, err) < 0 || check_directory(path, err) < 0 || clear_stale(&address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot make a socket");
	before = umask(0177);
	bound = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (bound < 0)
		return GATE_FAIL_SYS(err, "cannot listen on '%s'", path);
	/* Nobody can connect before listen(2). */
	if ((group != (gid_t)-1 && group != getegid() && lchown(path, (uid_t)-1, group) < 0) || chmod(path, 0660) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot listen on '%s'", path);
		unlink(path);
		return -1;
	}
	*ret = take(&fd);
	return 0;
}

void gate_http_unlisten(const char *path, int fd)
{
	struct sockaddr_un name = { 0 };
	socklen_t len = sizeof(name);
	struct stat st;

	/* The path is ours as long as the socket says that it was bound there and a socket of ours is there. */
	if (fd >= 0 && getsockname(fd, (struct sockaddr *)&name, &len) == 0 && strcmp(name.sun_path, path) == 0 &&
	    lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid())
		unlink(path);
	if (fd >= 0)
		close(fd);
}

/* Numeric only: names would need a resolver, and say less about who can connect. */
static int tcp_address(const char *text, struct sockaddr_storage *ret, socklen_t *len, struct gate_err *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
	char host[INET6_ADDRSTRLEN] = { 0 };
	uint64_t port;

	if (n - (brackets ? 2 : 0) < sizeof(host))
		memcpy(host, text + brackets, n - (brackets ? 2 : 0));
	*ret = (struct sockaddr_storage){ .ss_family = brackets ? AF_INET6 : AF_INET };
	if (!colon || gate_u64_parse(colon + 1, strlen(colon + 1), 65535, &port) < 0 ||
	    inet_pton(ret->ss_family, host, brackets ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "'%s' is no numeric address with a port, as 127.0.0.1:5051 or [::1]:5051", text);
	if (brackets)
		v6->sin6_port = htons((uint16_t)port);
	else
		v4->sin_port = htons((uint16_t)port);
	*len = brackets ? sizeof(*v6) : sizeof(*v4);
	return 0;
}

int gate_http_listen_tcp(const char *address, int *ret, struct gate_err *err)
{
	GATE_AUTO(close_fd) int fd = -1;
	struct sockaddr_storage to;
	socklen_t len;
	int one = 1;

	if (tcp_address(address, &to, &len, err) < 0)
		return -1;
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (const struct sockaddr *)&to, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return GATE_FAIL_SYS(err, "cannot listen on %s", address);
	*ret = take(&fd);
	return 0;
}
