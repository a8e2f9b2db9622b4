/* callgate-front: everything that reads what strangers wrote, without a right to do anything about it. */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/profiles.h"
#include "agent/schema.h"
#include "config/config.h"
#include "front/front.h"
#include "launcher/launcher.h"
#include "marathon/marathon.h"
#include "mesos/mesos.h"
#include "metronome/metronome.h"

#define DATABASE     "agent.db"
#define SETTINGS_MAX (1U << 20)

/* One row for each; tests/e2e counts on all of them being there. */
static gate_scheduler_open_fn *const schedulers[] = {
	gate_marathon_open,
	gate_metronome_open,
	gate_mesos_open,
	NULL,
};

struct front {
	struct gate_config *config;
	struct gate_db *db;
	struct gate_loop *loop;
	struct gate_link *link;
	struct gate_agent *agent;
	struct gate_http *http;
	struct gate_guard *guard;
	struct gate_watch *signals_watch;
	struct gate_timer timer;
	int signals;
	struct gate_err trouble; /* found out while it ran */
};

/* --- the world --- */
static int64_t wall_ms(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return gate_loop_now();
}

static void chance(void *ctx, void *bytes, size_t n)
{
	(void)ctx;
	GATE_CHECK(n <= 256 && getrandom(bytes, n, 0) == (ssize_t)n); /* it cannot fail or be cut short: getrandom(2) */
}

static void say(const char *what)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "callgate agent: front: %s\n", what);

	if (n >= (int)sizeof(line))
		line[(n = sizeof(line)) - 1] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody is there to be told */
}

static void hear_log(void *ctx, const char *line)
{
	(void)ctx;
	say(line);
}

/* --- the loop --- */
static void on_time(void *ctx)
{
	(void)ctx; /* the turn follows */
}

static void before_wait(void *ctx)
{
	struct front *f = ctx;

	gate_link_turn(f->link);
	int64_t next = gate_agent_turn(f->agent);

	gate_http_turn(f->http);
	if (gate_agent_failed(f->agent, &f->trouble))
		gate_loop_stop(f->loop);
	else if (next == INT64_MAX)
		gate_timer_clear(&f->timer);
	else if (gate_timer_set(f->loop, &f->timer, next, &f->trouble) < 0)
		gate_loop_stop(f->loop);
}

static void on_signal(void *ctx, uint32_t events)
{
	struct front *f = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(f->signals, &info, sizeof(info)) > 0)
		gate_loop_stop(f->loop);
}

static int watch_signals(struct front *f, struct gate_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return GATE_FAIL_SYS(err, "cannot block signals");
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals < 0)
		return GATE_FAIL_SYS(err, "cannot wait for signals");
	return gate_loop_watch(f->loop, f->signals, EPOLLIN, on_signal, f, &f->signals_watch, err);
}

/* --- what the mother gave --- */
static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int file_or_none(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fd : -1;
}

/* A front of another build would misunderstand what runs, and take its tasks for lost. */
static int agree(const char *protocol, struct gate_err *err)
{
	return protocol != NULL && strcmp(protocol, gate_ipc_protocol()) == 0
	           ? 0
	           : GATE_FAIL(err, GATE_E_UNSUPPORTED,
	                       "callgate and callgate-front are of different builds: they go together");
}

static int read_settings(struct front *f, struct gate_err *err)
{
	const void *bytes;
	size_t len;

	if (gate_ipc_map(GATE_FRONT_SETTINGS, SETTINGS_MAX, &bytes, &len, err) < 0)
		return GATE_NOTE(err, "settings");
	int result = gate_config_make(bytes, len, &f->config, err);

	gate_ipc_unmap(bytes, len);
	(void)close(GATE_FRONT_SETTINGS);
	return result;
}

/* Names by which clients may call us over TCP, against sites that make a browser do it by a name of theirs. */
static int open_http(struct front *f, struct gate_err *err)
{
	char address[NI_MAXHOST] = "";
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	const char *hosts[] = { "localhost", "127.0.0.1", "[::1]", f->config->hostname, address, NULL };
	const struct gate_http_config c = {
		.unix_socket = is_socket(GATE_FRONT_UNIX) ? GATE_FRONT_UNIX : -1,
		.tcp_socket = is_socket(GATE_FRONT_TCP) ? GATE_FRONT_TCP : -1,
		.tls = { file_or_none(GATE_FRONT_CERTIFICATE), file_or_none(GATE_FRONT_KEY),
		         file_or_none(GATE_FRONT_CLIENT_CA) },
		.hosts = hosts,
		.rights = gate_guard_rights,
		.answered = gate_guard_answered,
		.ctx = &f->agent,
	};

	if (c.tcp_socket >= 0 && getsockname(c.tcp_socket, (struct sockaddr *)&at, &len) == 0)
		(void)getnameinfo((const struct sockaddr *)&at, len, address, sizeof(address), NULL, 0, NI_NUMERICHOST);
	if (address[0] == '\0')
		hosts[4] = NULL;
	if (hosts[3] == NULL)
		hosts[3] = "localhost";
	return gate_http_open(f->loop, &c, &f->http, err);
}

/* --- life --- */
static int set_up(struct front *f, struct gate_err *err)
{
	for (gate_scheduler_open_fn *const *s = schedulers; *s != NULL; s++)
		if ((*s)(f->agent, err) < 0)
			return -1;
	return open_http(f, err) < 0 || gate_guard_open(f->agent, f->http, &f->guard, err) < 0 ||
	               watch_signals(f, err) < 0
	           ? -1
	           : 0;
}

/* The status of an error before the loop runs: is there any use in trying again? */
static int status_of(const struct gate_err *err)
{
	static const enum gate_errc hopeless[] = { GATE_E_PROTO,   GATE_E_UNSUPPORTED, GATE_E_SYNTAX,
		                                   GATE_E_INVALID, GATE_E_DENIED,      GATE_E_CONFLICT };

	for (size_t i = 0; i < GATE_ARRAY_LEN(hopeless); i++)
		if (hopeless[i] == err->code)
			return GATE_FRONT_HOPELESS;
	return FRONT_FAILED;
}

static int start(struct front *f, const char *protocol, struct gate_err *err)
{
	struct gate_world w = { wall_ms,         now_ms,   chance, gate_link_send, gate_link_open_file,
		                gate_link_stats, hear_log, NULL };

	if (gate_confine_early(err) < 0 || agree(protocol, err) < 0 || read_settings(f, err) < 0 ||
	    gate_db_open(DATABASE, &gate_schema, &f->db, err) < 0 || gate_loop_open(&f->loop, err) < 0 ||
	    gate_link_open(f->loop, GATE_FRONT_LAUNCHER, &f->link, err) < 0)
		return -1;
	w.ctx = f->link;
	if (gate_agent_open(f->loop, f->db, f->config, &w, &f->agent, err) < 0 || set_up(f, err) < 0)
		return -1;
	gate_link_attach(f->link, f->agent);
	f->timer.fn = on_time;
	tzset(); /* it reads a file, which is not possible any more after this */
	/* From here on strangers are listened to. */
	return gate_confine(err) < 0 || gate_agent_recover(f->agent, err) < 0 ? -1 : 0;
}

static int run(struct front *f, const char *protocol)
{
	struct gate_err err = GATE_ERR_INIT;

	if (start(f, protocol, &err) < 0) {
		say(err.text);
		return status_of(&err);
	}
	if (gate_loop_run(f->loop, before_wait, f, &err) < 0 || f->trouble.code != GATE_OK ||
	    gate_link_broken(f->link, &err)) {
		say(f->trouble.code != GATE_OK ? f->trouble.text : err.text);
		return FRONT_FAILED;
	}
	return FRONT_ENDED;
}

static void tear_down(struct front *f)
{
	if (f->http != NULL)
		gate_http_close(f->http);
	gate_guard_close(f->guard);
	gate_agent_close(f->agent);
	gate_link_close(f->link);
	gate_loop_unwatch(f->signals_watch);
	gate_loop_close(f->loop);
	/* The database is left as a crash would leave it, which it is made for: closing it opens and removes files. */
	gate_config_free(f->config);
}

int main(int argc, char **argv)
{
	static struct front f = { .signals = -1 };

	/* Executed by descriptor: before Linux 6.14 that is its name. */
	(void)prctl(PR_SET_NAME, "callgate-front");
	int status = run(&f, argc > 1 ? argv[1] : NULL);

	tear_down(&f);
	return status;
}
