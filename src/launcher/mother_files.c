/* What the mother opens before anything runs, and how the front is executed. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher/mother.h"

#define WORKERS_PATIENCE_MS 5000
#define LOCK_PATIENCE_MS    1000
#define RUN_DIR             "/run/callgate"

void gate_mother_files_init(struct gate_mother_files *f)
{
	*f = (struct gate_mother_files){ .state = -1,
		                         .lock = -1,
		                         .workers = -1,
		                         .front_dir = -1,
		                         .front = -1,
		                         .unix_socket = -1,
		                         .tls = { -1, -1, -1 },
		                         .settings = -1,
		                         .null = -1,
		                         .signals = -1 };
}

/* --- the state directory --- */
#define STATE_MODE 0700

/* Root's alone; one that root made open for reading is closed, one that others may write to is not trusted. */
static int open_state(const char *path, int *ret, struct gate_err *err)
{
	struct stat st;

	if (mkdir(path, STATE_MODE) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the state directory '%s'", path);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret < 0 || fstat(*ret, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot open the state directory '%s'", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the state directory '%s' is not safe: it belongs to user %u and has mode %04o", path,
		                 st.st_uid, st.st_mode & 07777);
	if ((st.st_mode & 07777) != STATE_MODE && fchmod(*ret, STATE_MODE) < 0)
		return GATE_FAIL_SYS(err, "cannot close the state directory '%s' to others", path);
	return 0;
}

static int lock_patiently(int fd, int how, int64_t patience_ms)
{
	int64_t until = gate_loop_now() + patience_ms;

	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (gate_loop_now() >= until) {
			errno = EWOULDBLOCK;
			return -1;
		}
		(void)usleep(10000);
	}
	return 0;
}

static int open_lock(int state, const char *name, int *ret, struct gate_err *err)
{
	*ret = openat(state, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret >= 0 ? 0 : GATE_FAIL_SYS(err, "cannot open the file '%s' of the state directory", name);
}

static int take_locks(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	char pid[32] = "";

	if (open_lock(f->state, "lock", &f->lock, err) < 0 || open_lock(f->state, "workers", &f->workers, err) < 0)
		return -1;
	if (lock_patiently(f->lock, LOCK_EX, LOCK_PATIENCE_MS) < 0) {
		ssize_t n = errno == EWOULDBLOCK ? pread(f->lock, pid, sizeof(pid) - 1, 0) : -1;

		if (n < 0)
			return GATE_FAIL_SYS(err, "cannot lock the state directory '%s'", m->state_dir);
		pid[strcspn(pid, "\n")] = '\0';
		return GATE_FAIL(err, GATE_E_CONFLICT, "another agent runs on the state directory '%s' (pid %s)",
		                 m->state_dir, pid);
	}
	if (ftruncate(f->lock, 0) < 0 || dprintf(f->lock, "%d\n", getpid()) < 0)
		return GATE_FAIL_SYS(err, "cannot write to the state directory '%s'", m->state_dir);
	/* Workers of an agent that was killed are being killed, too. */
	if (lock_patiently(f->workers, LOCK_EX, WORKERS_PATIENCE_MS) < 0 || flock(f->workers, LOCK_SH) < 0)
		return GATE_FAIL(err, GATE_E_CONFLICT,
		                 "a launch of an earlier agent on '%s' does not end: no inventory can be taken",
		                 m->state_dir);
	return 0;
}

/* The front's database is its own, whoever the front was before. */
static int give_front(int dir, uid_t uid, gid_t gid, struct gate_err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;
	int result = 0;

	if (d == NULL)
		return GATE_FAIL_SYS(err, "cannot list the directory of the front");
	while (result == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			result = fchownat(dir, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW);
	if (result == 0)
		result = fchown(dir, uid, gid);
	(void)closedir(d);
	return result == 0 ? 0 : GATE_FAIL_SYS(err, "cannot give the front its directory");
}

static int open_front_dir(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	struct stat st;

	if (mkdirat(f->state, "front", 0700) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make '%s/front'", m->state_dir);
	f->front_dir = openat(f->state, "front", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->front_dir < 0 || fstat(f->front_dir, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot open '%s/front'", m->state_dir);
	return st.st_uid == m->front_uid ? 0 : give_front(f->front_dir, m->front_uid, m->front_gid, err);
}

/* --- the socket --- */
static int make_way(const char *path, struct gate_err *err)
{
	char dir[PATH_MAX], *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return 0;
	*slash = '\0';
	if (mkdir(dir, 0711) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the directory '%s' of the socket", dir);
	/* The verbs of tasks make it for root alone, and what is in it stays so. */
	if (strcmp(dir, RUN_DIR) == 0 && chmod(dir, 0711) < 0)
		return GATE_FAIL_SYS(err, "cannot open '%s' for those who use the socket", dir);
	return 0;
}

/* One that nobody listens on any more goes. */
static int clear_path(const struct sockaddr_un *at, struct gate_err *err)
{
	struct stat st;
	int fd, sys;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : GATE_FAIL_SYS(err, "cannot look at '%s'", at->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return GATE_FAIL(err, GATE_E_CONFLICT, "'%s' is there and no socket", at->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sys = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? errno : 0;
	if (fd >= 0)
		(void)close(fd);
	if (sys != ECONNREFUSED)
		return GATE_FAIL(err, GATE_E_CONFLICT, "somebody listens on '%s' already", at->sun_path);
	return unlink(at->sun_path) == 0 ? 0 : GATE_FAIL_SYS(err, "cannot remove the old socket '%s'", at->sun_path);
}

static int listen_unix(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (m->unix_path == NULL)
		return 0;
	if (strlen(m->unix_path) >= sizeof(at.sun_path))
		return GATE_FAIL(err, GATE_E_LIMIT, "the path of the socket '%s' is too long", m->unix_path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", m->unix_path);
	if (make_way(m->unix_path, err) < 0 || clear_path(&at, err) < 0)
		return -1;
	mode_t mask = umask(0177);

	f->unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = f->unix_socket < 0 ? -1 : bind(f->unix_socket, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(mask);
	f->made_socket = result == 0;
	if (result < 0 || chown(m->unix_path, 0, m->unix_gid) < 0 || chmod(m->unix_path, 0660) < 0 ||
	    listen(f->unix_socket, SOMAXCONN) < 0)
		return GATE_FAIL_SYS(err, "cannot listen on '%s'", m->unix_path);
	return 0;
}

/* --- the front's program and files --- */
static int open_front(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	static const char *const places[] = { "callgate-front", "../libexec/callgate/callgate-front" };
	char self[PATH_MAX - 64], path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (m->front != NULL) {
		f->front = open(m->front, O_RDONLY | O_CLOEXEC);
		return f->front >= 0 ? 0 : GATE_FAIL_SYS(err, "cannot open '%s'", m->front);
	}
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash != NULL && i < GATE_ARRAY_LEN(places) && f->front < 0; i++) {
		(void)snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self), self, places[i]);
		f->front = open(path, O_RDONLY | O_CLOEXEC);
	}
	return f->front >= 0 ? 0
	                     : GATE_FAIL_SYS(err,
	                                     "cannot find the program callgate-front beside '%s' or in "
	                                     "'../libexec/callgate'",
	                                     self);
}

static int open_rest(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	f->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (f->null < 0 || dup2(f->null, STDIN_FILENO) < 0)
		return GATE_FAIL_SYS(err, "cannot open '/dev/null'");
	for (size_t i = 0; i < GATE_ARRAY_LEN(f->tls); i++)
		if (m->tls[i] != NULL && (f->tls[i] = open(m->tls[i], O_RDONLY | O_CLOEXEC)) < 0)
			return GATE_FAIL_SYS(err, "cannot open '%s'", m->tls[i]);
	return gate_ipc_memfd(m->settings, m->settings_len, &f->settings, err);
}

int gate_mother_open(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err)
{
	struct gate_store *s = NULL;

	if (asprintf(&f->tasks, "%s/tasks", m->state_dir) < 0) {
		f->tasks = NULL;
		return GATE_FAIL_NOMEM(err);
	}
	if (open_front(m, f, err) < 0 || open_rest(m, f, err) < 0 || open_state(m->state_dir, &f->state, err) < 0 ||
	    take_locks(m, f, err) < 0 || open_front_dir(m, f, err) < 0)
		return -1;
	/* Now, so that what is wrong with it is said at once. */
	if (gate_store_open(f->tasks, &s, err) < 0)
		return -1;
	gate_store_close(s);
	return listen_unix(m, f, err);
}

void gate_mother_close(const struct gate_mother *m, struct gate_mother_files *f, bool clean)
{
	const int fds[] = { f->lock,   f->workers, f->front_dir, f->front, f->unix_socket, f->tls[0],
		            f->tls[1], f->tls[2],  f->settings,  f->null,  f->signals,     f->state };

	(void)clean;
	if (f->made_socket)
		(void)unlink(m->unix_path);
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(f->tasks);
	gate_mother_files_init(f);
}

/* --- surroundings --- */
/* Fetching an image may need these (skopeo(1)); nothing else of the one who started us reaches a task or a program. */
void gate_mother_clean_up(void)
{
	static const char *const kept[] = { "PATH",
		                            "HOME",
		                            "TZ",
		                            "http_proxy",
		                            "https_proxy",
		                            "no_proxy",
		                            "HTTP_PROXY",
		                            "HTTPS_PROXY",
		                            "NO_PROXY",
		                            "SSL_CERT_FILE",
		                            "SSL_CERT_DIR",
		                            "TMPDIR",
		                            "NOTIFY_SOCKET",
		                            "REGISTRY_AUTH_FILE",
		                            "XDG_RUNTIME_DIR" };
	char *values[GATE_ARRAY_LEN(kept)] = { NULL };

	for (size_t i = 0; i < GATE_ARRAY_LEN(kept); i++) {
		const char *value = getenv(kept[i]);

		values[i] = value != NULL ? strdup(value) : NULL;
	}
	(void)clearenv();
	for (size_t i = 0; i < GATE_ARRAY_LEN(kept); i++) {
		if (values[i] != NULL)
			(void)setenv(kept[i], values[i], 1);
		free(values[i]);
	}
	if (getenv("PATH") == NULL)
		(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)umask(022);
	if (chdir("/") < 0)
		gate_say_agent("cannot go to '/': %s", strerror(errno));
}

void gate_mother_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static const char ready[] = "READY=1";

	if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));

	if (fd < 0)
		return;
	(void)sendto(fd, ready, strlen(ready), MSG_NOSIGNAL, (const struct sockaddr *)&to, size);
	(void)close(fd);
	(void)unsetenv("NOTIFY_SOCKET");
}

/* --- the front's way in --- */
void gate_settle_fds(int first, const int *fds, size_t n)
{
	enum { ASIDE = 32 };
	int aside[GATE_FRONT_FDS_END + 1];

	for (size_t i = 0; i < n; i++)
		aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ASIDE);
	for (size_t i = 0; i < n; i++)
		if (aside[i] < 0 || dup2(aside[i], first + (int)i) < 0)
			_exit(1);
	(void)close_range((unsigned)first + (unsigned)n, ~0U, 0);
}

static bool give_up_rights(uid_t uid, gid_t gid)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return false;
	if (uid == 0)
		return true; /* tests */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return false;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
	       setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void gate_front_exec(const struct gate_mother *m, const struct gate_mother_files *f, int socket, pid_t mother)
{
	const int fds[] = { socket,
		            f->unix_socket >= 0 ? f->unix_socket : f->null,
		            m->tcp >= 0 ? m->tcp : f->null,
		            f->tls[0] >= 0 ? f->tls[0] : f->null,
		            f->tls[1] >= 0 ? f->tls[1] : f->null,
		            f->tls[2] >= 0 ? f->tls[2] : f->null,
		            f->settings,
		            f->front };
	static char name[] = "callgate-front", path[] = "PATH=/usr/bin:/bin";
	char zone[256] = "TZ=", *argv[] = { name, (char *)(uintptr_t)gate_ipc_protocol(), NULL },
	     *envp[] = { path, NULL, NULL };
	struct rlimit files;
	const int program = GATE_FRONT_FDS_END;

	if (getenv("TZ") != NULL && snprintf(zone, sizeof(zone), "TZ=%s", getenv("TZ")) < (int)sizeof(zone))
		envp[1] = zone;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (fchdir(f->front_dir) < 0 || !give_up_rights(m->front_uid, m->front_gid)) {
		gate_say_agent("the front cannot give up its rights: %s", strerror(errno));
		_exit(1);
	}
	/* A change of user has undone it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != mother)
		_exit(1);
	gate_settle_fds(GATE_FRONT_LAUNCHER, fds, GATE_ARRAY_LEN(fds));
	(void)fcntl(program, F_SETFD, FD_CLOEXEC);
	(void)syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
	gate_say_agent("the front cannot be executed: %s", strerror(errno));
	_exit(1);
}
