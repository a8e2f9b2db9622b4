/* Everything together: what depends on something else, and what the host says. */
#include <callgate/abi.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/parts.h"

static int set(struct gate_settings *s, const char *name, const char *text, struct gate_err *err)
{
	struct gate_value *v = gate_settings_value(s, name);

	v->text = text != NULL ? gate_arena_text(&s->arena, text, strlen(text)) : NULL;
	if (text != NULL && v->text == NULL)
		return GATE_FAIL_NOMEM(err);
	if (v->origin == GATE_ORIGIN_NONE)
		v->origin = GATE_ORIGIN_DEFAULT;
	return 0;
}

static bool said(const struct gate_settings *s, const char *name)
{
	return gate_settings_value(s, name)->origin > GATE_ORIGIN_DEFAULT;
}

/* --- the file --- */

static int read_file(struct gate_settings *s, const char *path, bool must, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;
	char piece[4096];
	struct stat st;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc = 0;

	if (fd < 0)
		return errno == ENOENT && !must ? 0 : GATE_FAIL_SYS(err, "cannot open '%.200s'", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = GATE_FAIL(err, GATE_E_INVALID, "'%.200s' is not a file", path);
	else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
		rc = GATE_FAIL(err, GATE_E_DENIED,
		               "'%.200s' could be written by others: it must be root's, mode 0644 at most", path);
	while (rc == 0 && b.len <= GATE_DOC_YAML_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		gate_buf_add(&b, piece, (size_t)n);
	if (n < 0)
		rc = GATE_FAIL_SYS(err, "cannot read '%.200s'", path);
	(void)close(fd);
	if (rc == 0 && b.failed)
		rc = GATE_FAIL_NOMEM(err);
	return rc < 0 ? -1 : gate_settings_yaml(s, path, b.len > 0 ? b.data : "", b.len, err);
}

/* --- what depends --- */

static bool in_list(const char *list, const char *word)
{
	for (const char *w = list; w != NULL && *w != '\0'; w += *w == ',') {
		size_t n = strcspn(w, ",");

		if (n == strlen(word) && memcmp(w, word, n) == 0)
			return true;
		w += n;
	}
	return false;
}

static void without(char *list, const char *word)
{
	char *out = list;

	for (const char *w = list; *w != '\0'; w += *w == ',') {
		size_t n = strcspn(w, ",");

		if (n != strlen(word) || memcmp(w, word, n) != 0) {
			if (out != list)
				*out++ = ',';
			memmove(out, w, n);
			out += n;
		}
		w += n;
	}
	*out = '\0';
}

/* linux/nnp forbids sudo and ping to every task: as in DC/OS, only where it is said. */
static size_t add_isolator(char *text, size_t size, enum gate_isolator which, bool further)
{
	if (which == GATE_ISOLATE_NNP)
		return 0;
	return (size_t)snprintf(text, size, "%s%s", further ? "," : "", gate_isolator_name(which));
}

static int isolation(struct gate_settings *s, struct gate_err *err)
{
	struct gate_value *v = gate_settings_value(s, "isolation");
	char text[1024] = "";
	size_t n = 0;

	if (v->text == NULL)
		for (unsigned i = 0; i < GATE_ISOLATE_COUNT; i++)
			n += add_isolator(text + n, sizeof(text) - n, (enum gate_isolator)i, n > 0);
	else if (strlen(v->text) < sizeof(text) - 32)
		(void)snprintf(text, sizeof(text), "%s", v->text);
	else
		return GATE_FAIL(err, GATE_E_LIMIT, "--isolation is too long");
	/* DC/OS' switch says whether linux/seccomp is in the list; a list said by flag or variable is said last. */
	if (v->origin < GATE_ORIGIN_ENVIRONMENT && s->enabled == 0)
		without(text, "linux/seccomp");
	if (v->origin < GATE_ORIGIN_ENVIRONMENT && s->enabled == 1 && !in_list(text, "linux/seccomp"))
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%slinux/seccomp",
		               text[0] != '\0' ? "," : "");
	for (const char *w = text; *w != '\0'; w += *w == ',') {
		size_t len = strcspn(w, ",");
		const char *idle = gate_isolation_idle(w, len);

		if (idle != NULL &&
		    gate_settings_note(s, err, "isolator %.*s does nothing here: %s", (int)len, w, idle) < 0)
			return -1;
		w += len;
	}
	return set(s, "isolation", text, err);
}

/* Who starts without a default profile, as Mesos' agents do, is told what that means and what would change it. */
static int note_default(struct gate_settings *s, bool on, const char *name, struct gate_err *err)
{
	if (!on)
		return gate_settings_note(s, err, "there is no default profile: linux/seccomp is not in --isolation");
	if (name != NULL)
		return 0;
	return gate_settings_note(s, err,
	                          "warning: there is no default profile: tasks that name none run without a filter; "
	                          "--seccomp_profile_name=" GATE_SECCOMP_NAME
	                          " (seccomp_profile_name in " GATE_CONFIG_FILE ") gives them one");
}

/* The directory of profiles and the default one. There is one only where somebody says so, as in Mesos; DC/OS' switch says it
 * too, unless DC/OS' other key takes it back. */
static int seccomp(struct gate_settings *s, struct gate_err *err)
{
	bool on = in_list(gate_settings_get(s, "isolation"), "linux/seccomp");
	bool dcos = s->enabled >= 0 || s->mesos_profile != NULL;
	const char *name = gate_settings_get(s, "seccomp_profile_name");

	if (!said(s, "seccomp_config_dir") && (!said(s, "isolation") || dcos) &&
	    set(s, "seccomp_config_dir", GATE_SECCOMP_DIR, err) < 0)
		return -1;
	if (name == NULL && s->mesos_profile != NULL && s->mesos_profile[0] != '\0')
		name = s->mesos_profile;
	if (name == NULL && s->mesos_profile == NULL && s->enabled == 1)
		name = GATE_SECCOMP_NAME;
	if (note_default(s, on, name, err) < 0)
		return -1;
	return set(s, "seccomp_profile_name", on ? name : NULL, err);
}

/* What an operator forbids with profiles holds only where there are profiles. */
static int policy(const struct gate_settings *s, struct gate_err *err)
{
	static const char *const names[] = { "floor", "profiles", "unconfined" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++)
		if (gate_settings_get(s, names[i]) != NULL &&
		    !in_list(gate_settings_get(s, "isolation"), "linux/seccomp"))
			return GATE_FAIL(
			    err, GATE_E_CONFLICT,
			    "--%s means nothing without linux/seccomp in --isolation: tasks would have no filter at all",
			    names[i]);
	return 0;
}

static int directories(struct gate_settings *s, struct gate_err *err)
{
	const char *work = gate_settings_get(s, "work_dir");

	if (work != NULL && said(s, "state-dir") && strcmp(work, gate_settings_get(s, "state-dir")) != 0)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "--work_dir and --state-dir are the same setting: '%.100s' and '%.100s'", work,
		                 gate_settings_get(s, "state-dir"));
	return set(s, work != NULL ? "state-dir" : "work_dir", work != NULL ? work : gate_settings_get(s, "state-dir"),
	           err);
}

static int one_listen(struct gate_settings *s, const char *text, size_t len, struct gate_err *err)
{
	bool local = len > 7 && memcmp(text, "unix://", 7) == 0, tcp = len > 8 && memcmp(text, "https://", 8) == 0;
	const char **to = local ? &s->listen.unix_path : &s->listen.tcp;

	if (len > 7 && memcmp(text, "http://", 7) == 0)
		return GATE_FAIL(err, GATE_E_DENIED, "'%.*s' would be without TLS: use https:// or unix://", (int)len,
		                 text);
	if (!local && !tcp)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is neither unix://PATH nor https://ADDRESS:PORT",
		                 (int)(len < 100 ? len : 100), text);
	if (*to != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "one %s at most", local ? "unix:// socket" : "https:// address");
	*to = gate_arena_text(&s->arena, text + (local ? 7 : 8), len - (local ? 7 : 8));
	if (*to == NULL)
		return GATE_FAIL_NOMEM(err);
	if (local && (*to)[0] != '/')
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "a socket's path must be absolute: unix:///run/callgate/agent.sock");
	return 0;
}

static int listen_where(struct gate_settings *s, struct gate_err *err)
{
	const char *ip = gate_settings_get(s, "ip"), *port = gate_settings_get(s, "port");
	static const char *const tls[] = { "tls-certificate", "tls-key", "tls-clients" };
	char text[128];

	for (const char *w = gate_settings_get(s, "listen"); *w != '\0'; w += *w == ',') {
		size_t len = strcspn(w, ",");

		if (one_listen(s, w, len, err) < 0)
			return GATE_NOTE(err, "--listen");
		w += len;
	}
	if (port != NULL && ip == NULL && s->listen.tcp == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "--port needs --ip: an agent listens on no address by itself");
	if (ip != NULL && s->listen.tcp == NULL) {
		(void)snprintf(text, sizeof(text), strchr(ip, ':') != NULL ? "[%s]:%s" : "%s:%s", ip,
		               port != NULL ? port : "5051");
		s->listen.tcp = gate_arena_text(&s->arena, text, strlen(text));
		if (s->listen.tcp == NULL)
			return GATE_FAIL_NOMEM(err);
	} else if (ip != NULL) {
		return GATE_FAIL(err, GATE_E_INVALID, "--ip and --listen https:// both say where to listen");
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(tls) && s->listen.tcp != NULL; i++)
		if (gate_settings_get(s, tls[i]) == NULL)
			return GATE_FAIL(err, GATE_E_INVALID,
			                 "https needs --%s: whoever may ask is known by the certificate", tls[i]);
	return 0;
}

/* --- the host --- */

static uint64_t capabilities(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	uint64_t caps = 0, permitted;

	if (syscall(SYS_capget, &head, data) != 0)
		return 0;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	for (unsigned i = 0; i <= GATE_CAP_LAST; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			caps |= UINT64_C(1) << i;
	return caps & permitted;
}

/* As Mesos: a GiB of memory and 5 GiB of disk are the host's own, or half of what there is. */
static void measure(const struct gate_settings *s, struct gate_resources *r)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20, disk = 0;
	char dir[256];
	struct statvfs fs;
	cpu_set_t set;

	(void)snprintf(dir, sizeof(dir), "%s", gate_settings_get(s, "state-dir"));
	while (statvfs(dir, &fs) != 0 && strrchr(dir, '/') != NULL && dir[1] != '\0') {
		*strrchr(dir, '/') = '\0';
		if (dir[0] == '\0')
			memcpy(dir, "/", 2);
	}
	if (statvfs(dir, &fs) == 0)
		disk = (uint64_t)fs.f_blocks * fs.f_frsize >> 20;
	r->cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	r->mem_mib = memory > 2048 ? memory - 1024 : memory / 2;
	r->disk_mib = disk > 10240 ? disk - 5120 : disk / 2;
	r->port_low = 31000;
	r->port_high = 32000;
}

static int host(struct gate_settings *s, struct gate_err *err)
{
	struct gate_resources r = { 0 };
	const char *text = gate_settings_get(s, "resources");
	char line[200], name[65] = "";
	uint64_t most;

	measure(s, &r);
	s->measured = text == NULL;
	if (text != NULL && gate_resources_parse(text, &r, err) < 0)
		return GATE_NOTE(err, "--resources");
	(void)snprintf(line, sizeof(line), "cpus:%g;mem:%llu;disk:%llu;ports:[%u-%u]", r.cpus,
	               (unsigned long long)r.mem_mib, (unsigned long long)r.disk_mib, r.port_low, r.port_high);
	if (set(s, "resources", line, err) < 0)
		return -1;
	if (gate_settings_get(s, "hostname") == NULL) {
		if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
			(void)snprintf(name, sizeof(name), "localhost");
		if (set(s, "hostname", name, err) < 0)
			return -1;
	}
	s->caps = capabilities();
	text = gate_settings_get(s, "bounding_capabilities");
	if (text != NULL && gate_capabilities_parse(text, &most, err) == 0)
		s->caps &= most;
	return 0;
}

/* What was said and does nothing. */
static int note_harmless(struct gate_settings *s, struct gate_err *err)
{
	enum gate_flag_group group;

	for (size_t i = 0; i < s->n; i++) {
		const struct gate_value *v = &s->values[i];

		(void)gate_flag_find(v->flag->name, &group);
		if (group == GATE_FLAGS_HARMLESS && v->origin > GATE_ORIGIN_DEFAULT &&
		    gate_settings_note(s, err, "--%s is accepted and does nothing: %s", v->flag->name, v->flag->help) <
		        0)
			return -1;
	}
	return 0;
}

int gate_settings_finish(struct gate_settings *s, struct gate_err *err)
{
	const char *file = gate_settings_get(s, "config");

	if (read_file(s, file != NULL ? file : GATE_CONFIG_FILE, file != NULL, err) < 0)
		return -1;
	if (directories(s, err) < 0 || isolation(s, err) < 0 || seccomp(s, err) < 0 || policy(s, err) < 0 ||
	    listen_where(s, err) < 0 || host(s, err) < 0 || note_harmless(s, err) < 0)
		return -1;
	s->finished = true;
	return 0;
}

void gate_settings_listen(const struct gate_settings *s, struct gate_listen *ret)
{
	*ret = s->listen;
}
