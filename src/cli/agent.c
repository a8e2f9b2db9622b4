/* agent: reads the configuration, checks the host, and becomes the mother (launcher/launcher.h). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/flags.h"
#include "launcher/launcher.h"
#include "spec/passwd.h"

#define NOBODY_ELSE 62893 /* the front's user and group where there is no user "callgate" */

#define OPTION(name, value, choices, initial, kind, help)                                                              \
	{                                                                                                              \
		name,    0,       value,                                                                               \
		choices, initial, #kind[0] == 'P' && #kind[1] == 'A' ? GATE_OPERAND_FILE : GATE_OPERAND_NONE,          \
		help                                                                                                   \
	},
#define IGNORED(name, value, choices, initial, kind, help)                                                             \
	{ name, 0, value, choices, initial, GATE_OPERAND_NONE, "taken as Mesos' agents have it, to no effect: " help },

static const struct gate_option ours[] = { GATE_CONFIG_OURS(OPTION){ 0 } };
static const struct gate_option mesos[] = { GATE_CONFIG_MESOS(OPTION){ 0 } };
static const struct gate_option harmless[] = { GATE_CONFIG_HARMLESS(IGNORED){ 0 } };

/* --- who --- */
static int read_file(const char *path, struct gate_buf *text, struct gate_err *err)
{
	char piece[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : GATE_FAIL_SYS(err, "cannot read '%s'", path);
	while (text->len <= GATE_PASSWD_BYTES_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		gate_buf_add(text, piece, (size_t)n);
	int result = n < 0 ? GATE_FAIL_SYS(err, "cannot read '%s'", path) : 0;

	(void)close(fd);
	return result == 0 && text->failed ? GATE_FAIL_NOMEM(err) : result;
}

/* By the files: what a directory service says needs code that a static program has not. */
static int find_ids(const char *user, struct gate_identity *ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf users = GATE_BUF_INIT, groups = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;

	if (read_file("/etc/passwd", &users, err) < 0 || read_file("/etc/group", &groups, err) < 0)
		return -1;
	const struct gate_passwd files = { .passwd = users.data,
		                           .group = groups.data,
		                           .passwd_len = users.len,
		                           .group_len = groups.len,
		                           .host = true };
	int result = gate_identity_find(&files, user, NULL, 0, &arena, ret, err);

	gate_arena_done(&arena);
	return result;
}

static int find_who(const struct gate_settings *s, struct gate_mother *m, struct gate_err *err)
{
	const char *user = gate_settings_get(s, "agent-user"), *group = gate_settings_get(s, "socket-group");
	struct gate_err why = GATE_ERR_INIT;
	struct gate_identity who;
	char word[300];

	m->front_uid = m->front_gid = NOBODY_ELSE;
	if (find_ids(user, &who, &why) == 0) {
		m->front_uid = who.uid;
		m->front_gid = who.gid;
	} else if (strcmp(user, "callgate") != 0 || why.code != GATE_E_NOTFOUND) {
		return GATE_FAIL(err, why.code, "--agent-user: %s", why.text);
	}
	if (m->front_uid == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "--agent-user must not be root: that is what it is for");
	if (group == NULL)
		return 0;
	(void)snprintf(word, sizeof(word), "0:%s", group);
	if (find_ids(word, &who, err) < 0)
		return GATE_NOTE(err, "--socket-group");
	m->unix_gid = who.gid;
	return 0;
}

/* --- where --- */
static int parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *len, struct gate_err *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(text, ':');
	char host[64];
	uint64_t port;

	*ret = (struct sockaddr_storage){ 0 };
	if (colon == NULL || gate_u64_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port) < 0 || port == 0 ||
	    colon - text >= (ptrdiff_t)sizeof(host))
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is not ADDRESS:PORT", text);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*v6);
		if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1)
			return 0;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*len = sizeof(*v4);
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4->sin_addr) == 1)
		return 0;
	return GATE_FAIL(err, GATE_E_INVALID, "'%s' is not an address of the host: write it in numbers", host);
}

static int listen_tcp(const char *text, int *ret, struct gate_err *err)
{
	const int on = 1;
	struct sockaddr_storage at;
	socklen_t len;

	if (parse_address(text, &at, &len, err) < 0)
		return -1;
	int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, len) == 0 && listen(fd, SOMAXCONN) == 0) {
		*ret = fd;
		return 0;
	}
	(void)GATE_FAIL_SYS(err, "cannot listen on https://%s", text);
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* --- the checks --- */
/* As Mesos, which reads the default profile when it starts. */
static int check_profile(const struct gate_settings *s, struct gate_err *err)
{
	const char *dir = gate_settings_get(s, "seccomp_config_dir"),
		   *name = gate_settings_get(s, "seccomp_profile_name");
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_err why = GATE_ERR_INIT;
	struct gate_opener opener = { .dir = -1 };
	char piece[4096];
	ssize_t n = 0;
	int fd = -1;

	if (dir == NULL)
		return 0;
	if (gate_ship_default(dir, err) < 0 || gate_opener_init(dir, &opener, err) < 0)
		return -1;
	if (name != NULL && gate_open_profile(&opener, name, &fd, &why) == 0) {
		while ((n = read(fd, piece, sizeof(piece))) > 0)
			gate_buf_add(&text, piece, (size_t)n);
		if (n < 0)
			(void)GATE_FAIL_SYS(&why, "reading");
		(void)close(fd);
	}
	gate_opener_done(&opener);
	if (text.failed)
		return GATE_FAIL_NOMEM(err);
	return gate_settings_check_profile(s, text.data != NULL ? text.data : "", text.len,
	                                   why.code == GATE_OK           ? NULL
	                                   : why.code == GATE_E_NOTFOUND ? "No such file or directory"
	                                                                 : why.text,
	                                   err);
}

static int collect(const struct gate_cli *cli, struct gate_settings *s, struct gate_err *err)
{
	for (size_t i = 0; i < cli->n_said; i++) {
		const struct gate_option *o = gate_verb_option(cli->verb, cli->said[i].option);

		if (gate_flag_find(o->name, NULL) != NULL &&
		    gate_settings_flag(s, o->name, cli->said[i].value, err) < 0)
			return -1;
	}
	return gate_settings_environment(s, environ, err) < 0 || gate_settings_finish(s, err) < 0 ? -1 : 0;
}

static int start(const struct gate_settings *s, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf bytes = GATE_BUF_INIT;
	struct gate_mother m = { .tcp = -1 };
	struct gate_listen where = { 0 };
	const char *const *notes = NULL;
	size_t n = gate_settings_notes(s, &notes);

	for (size_t i = 0; i < n; i++)
		(void)fprintf(stderr, "callgate agent: %s\n", notes[i]);
	if (gate_settings_check(s, err) < 0 || check_profile(s, err) < 0 || find_who(s, &m, err) < 0 ||
	    gate_settings_bytes(s, &bytes, err) < 0)
		return -1;
	gate_settings_listen(s, &where);
	m.state_dir = gate_settings_get(s, "state-dir");
	m.config_dir = gate_settings_get(s, "seccomp_config_dir");
	m.unix_path = where.unix_path;
	m.tls[0] = gate_settings_get(s, "tls-certificate");
	m.tls[1] = gate_settings_get(s, "tls-key");
	m.tls[2] = gate_settings_get(s, "tls-clients");
	m.settings = bytes.data;
	m.settings_len = bytes.len;
	if (where.tcp != NULL && listen_tcp(where.tcp, &m.tcp, err) < 0)
		return -1;
	int result = gate_mother_run(&m, err);

	if (m.tcp >= 0)
		(void)close(m.tcp);
	return result;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_settings_freep) struct gate_settings *s = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_settings_new(&s, &err) == 0 && collect(cli, s, &err) == 0 && start(s, &err) == 0)
		return 0;
	return gate_trouble(cli, NULL, &err);
}

const struct gate_verb gate_verb_agent = {
	.name = "agent",
	.operands = "",
	.summary = "run services and jobs under profiles, and keep them running",
	.about =
	    "Serves the calls of Marathon, Metronome and Mesos' agent for this host: apps and jobs are started as tasks, each "
	    "under the profile that it names or the default one, and started again when they fail. What it was told is kept; "
	    "the agent may be stopped, updated or killed at any moment, and tasks go on and are found again.\n\n"
	    "Profiles are the files below --seccomp_config_dir: usable as soon as they are there, read anew for each launch. They must be "
	    "root's, and so must the directories; who else may write is refused. An empty directory gets default.json, the "
	    "built-in default. A task that names no profile has that of --seccomp_profile_name; without it, as in Mesos, it has "
	    "no filter, and the agent says so when it starts. The settings that are installed name default.json.\n\n"
	    "Settings are flags, in Mesos' forms, or variables (MESOS_SECCOMP_CONFIG_DIR), or keys of the configuration file; a "
	    "flag wins over a variable, a variable over the file. A value may be file:///PATH: what that file says. Flags of "
	    "Mesos' agent that nothing depends on here are taken and said to have no effect; others are refused by name.\n\n"
	    "It stays in the foreground and needs root; the process that serves the API has no rights. SIGTERM ends it, and no task.",
	.class = GATE_CLASS_TASK,
	.most = 0,
	.groups = { mesos, ours, harmless },
	.refused = gate_flags_refused,
	.examples =
	    (const struct gate_example[]){
		{ "callgate agent", "on /run/callgate/agent.sock, with the settings of /etc/callgate/agent.yaml" },
		{ "callgate agent --isolation=linux/seccomp --seccomp_config_dir=/etc/mesos/seccomp --seccomp_profile_name=default.json",
	          "as Mesos' agent is told" },
		{ "callgate agent --listen=https://192.0.2.1:5051 --tls-certificate=a.pem --tls-key=a.key --tls-clients=ca.pem",
	          "on the network, for clients with a certificate" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "ended by SIGTERM or SIGINT; tasks go on" },
		{ "1", "not started: configuration, host, or another agent on the state directory" },
		{ 0 },
	    },
	.run = run,
};
