/* ContainerInfo: image, volumes, linux_info. */
#include <callgate/abi.h>

#include <stdio.h>
#include <sys/resource.h>

#include "base/num.h"
#include "spec/mesos_parts.h"
#include "spec/words.h"

#define ADD(list, err, ...)                                                                                            \
	(gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)) < 0                                          \
	     ? GATE_FAIL_NOMEM(err)                                                                                    \
	     : ((list).at[(list).n++] = (__VA_ARGS__), 0))

static bool isolates(const struct gate_mesos_maker *m, enum gate_isolator i)
{
	return (m->facts->isolation >> i & 1) != 0;
}

static int off(struct gate_mesos_maker *m, enum gate_isolator i, struct gate_err *err)
{
	return gate_mesos_bad(m, err, "needs the isolator '%s', which the agent runs without", gate_isolator_name(i));
}

/* --- image --- */

static int take_docker_name(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	if (gate_mesos_text(m, d, &m->task->image, err) < 0)
		return -1;
	if (!isolates(m, GATE_ISOLATE_FILESYSTEM))
		return off(m, GATE_ISOLATE_FILESYSTEM, err);
	return m->task->image[0] != '\0' ? 0 : gate_mesos_bad(m, err, "the name is empty");
}

static int take_docker(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "name", take_docker_name, NULL },
		                                      { "credential", NULL, "images are not fetched from registries" },
		                                      { "config", NULL, "images are not fetched from registries" },
		                                      { NULL, NULL, NULL } };

	return gate_mesos_walk(m, d, rows, err);
}

static int take_image_type(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const char *const words[] = { "DOCKER", NULL };
	int i;

	return gate_mesos_word(m, d, words, &i, err);
}

static int take_image(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "type", take_image_type, NULL },
		                                      { "docker", take_docker, NULL },
		                                      { "appc", NULL, "appc images are not read" },
		                                      { "cached", NULL, NULL },
		                                      { NULL, NULL, NULL } };

	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	return m->task->image != NULL ? 0 : gate_mesos_bad(m, err, "an image needs docker.name");
}

static int take_mesos(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "image", take_image, NULL }, { NULL, NULL, NULL } };

	return gate_mesos_walk(m, d, rows, err);
}

static int take_type(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	if (d->kind == GATE_DOC_STRING && strcmp(d->text, "MESOS") == 0)
		return 0;
	return GATE_FAIL(err, GATE_E_UNSUPPORTED, "The provided ContainerInfo is not supported: %s: type MESOS is",
	                 m->path);
}

static int take_hostname(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	if (!isolates(m, GATE_ISOLATE_UTS))
		return off(m, GATE_ISOLATE_UTS, err);
	if (m->launch->id.parent[0] != '\0')
		return gate_mesos_bad(m, err, "a nested container has its parent's name");
	return gate_mesos_text(m, d, &m->task->hostname, err);
}

/* --- volumes --- */

static bool path_ok(const char *path)
{
	if (path[0] != '/' || strlen(path) >= 4096)
		return false;
	for (const char *s = path; (s = strstr(s, "/..")) != NULL; s += 3)
		if (s[3] == '/' || s[3] == '\0')
			return false;
	return true;
}

static int take_volume(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "mode", NULL, NULL },
		                                      { "container_path", NULL, NULL },
		                                      { "host_path", NULL, NULL },
		                                      { "source", NULL, NULL },
		                                      { "image", NULL, "volumes are directories of the host" },
		                                      { NULL, NULL, NULL } };
	static const struct gate_mesos_row kinds[] = {
		{ "type", NULL, NULL },
		{ "host_path", NULL, NULL },
		{ "sandbox_path", NULL, "sandboxes are not mounted elsewhere" },
		{ "docker_volume", NULL, "there are no volume drivers" },
		{ "csi_volume", NULL, "there are no volume drivers" },
		{ "secret", NULL, "there is no store of secrets" },
		{ NULL, NULL, NULL },
	};
	const struct gate_doc *mode = gate_doc_member(d, "mode"), *target = gate_doc_member(d, "container_path");
	const struct gate_doc *host = gate_doc_member(d, "host_path"), *source = gate_doc_member(d, "source");
	struct gate_volume v = { .kind = GATE_VOLUME_BIND, .recursive = true };

	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	if (source != NULL && source->kind != GATE_DOC_NULL) {
		if (gate_mesos_walk(m, source, kinds, err) < 0)
			return -1;
		host = gate_doc_member(gate_doc_member(source, "host_path"), "path");
	}
	if (!isolates(m, GATE_ISOLATE_FILESYSTEM))
		return off(m, GATE_ISOLATE_FILESYSTEM, err);
	if (mode == NULL || mode->kind != GATE_DOC_STRING ||
	    (strcmp(mode->text, "RW") != 0 && strcmp(mode->text, "RO") != 0))
		return gate_mesos_bad(m, err, "mode is RW or RO");
	if (target == NULL || target->kind != GATE_DOC_STRING || !path_ok(target->text))
		return gate_mesos_bad(m, err, "container_path must be an absolute path without '..'");
	if (host == NULL || host->kind != GATE_DOC_STRING || !path_ok(host->text))
		return gate_mesos_bad(m, err, "host_path must be an absolute path without '..'");
	v.read_only = mode->text[1] == 'O';
	v.source = gate_arena_text(&m->task->arena, host->text, host->len);
	v.target = gate_arena_text(&m->task->arena, target->text, target->len);
	if (v.source == NULL || v.target == NULL)
		return GATE_FAIL_NOMEM(err);
	return ADD(m->task->volumes, err, v);
}

static int take_volumes(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_each(m, d, take_volume, err);
}

/* --- rlimits --- */

static const char *const limit_words[] = {
	"RLMT_AS",      "RLMT_CORE",     "RLMT_CPU",        "RLMT_DATA",   "RLMT_FSIZE", "RLMT_LOCKS",
	"RLMT_MEMLOCK", "RLMT_MSGQUEUE", "RLMT_NICE",       "RLMT_NOFILE", "RLMT_NPROC", "RLMT_RSS",
	"RLMT_RTPRIO",  "RLMT_RTTIME",   "RLMT_SIGPENDING", "RLMT_STACK",  NULL,
};
static const int limit_numbers[] = {
	RLIMIT_AS,      RLIMIT_CORE,     RLIMIT_CPU,        RLIMIT_DATA,   RLIMIT_FSIZE, RLIMIT_LOCKS,
	RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE,       RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS,
	RLIMIT_RTPRIO,  RLIMIT_RTTIME,   RLIMIT_SIGPENDING, RLIMIT_STACK,
};
_Static_assert(GATE_ARRAY_LEN(limit_words) == GATE_ARRAY_LEN(limit_numbers) + 1, "a number for each word");

static int limit_value(struct gate_mesos_maker *m, const struct gate_doc *d, uint64_t *ret, struct gate_err *err)
{
	*ret = UINT64_MAX;
	if (d == NULL || d->kind == GATE_DOC_NULL)
		return 0;
	if (d->text == NULL || gate_u64_parse(d->text, d->len, UINT64_MAX, ret) < 0)
		return gate_mesos_bad(m, err, "a limit is a number");
	return 0;
}

static int take_rlimit(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = {
		{ "type", NULL, NULL }, { "hard", NULL, NULL }, { "soft", NULL, NULL }, { NULL, NULL, NULL }
	};
	const struct gate_doc *type = gate_doc_member(d, "type"), *hard = gate_doc_member(d, "hard"),
			      *soft = gate_doc_member(d, "soft");
	struct gate_limit l = { 0 };
	int word;

	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	if (!isolates(m, GATE_ISOLATE_RLIMITS))
		return off(m, GATE_ISOLATE_RLIMITS, err);
	if (type == NULL)
		return gate_mesos_bad(m, err, "a limit needs a type");
	if (gate_mesos_word(m, type, limit_words, &word, err) < 0 || limit_value(m, hard, &l.hard, err) < 0 ||
	    limit_value(m, soft, &l.soft, err) < 0)
		return -1;
	if ((hard == NULL) != (soft == NULL))
		return gate_mesos_bad(m, err, "hard and soft are said together or not at all");
	if (l.soft > l.hard)
		return gate_mesos_bad(m, err, "the soft limit is above the hard one");
	l.resource = limit_numbers[word];
	return ADD(m->task->limits, err, l);
}

static int take_rlimits(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_each(m, d, take_rlimit, err);
}

static int take_rlimit_info(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "rlimits", take_rlimits, NULL }, { NULL, NULL, NULL } };

	return gate_mesos_walk(m, d, rows, err);
}

/* --- linux_info --- */

static int capabilities(struct gate_mesos_maker *m, const struct gate_doc *d, uint64_t *ret, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "capabilities", NULL, NULL }, { NULL, NULL, NULL } };
	const struct gate_doc *list = gate_doc_member(d, "capabilities");
	char name[64];
	int cap;

	*ret = 0;
	if (!isolates(m, GATE_ISOLATE_CAPABILITIES))
		return off(m, GATE_ISOLATE_CAPABILITIES, err);
	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	if (list != NULL && list->kind != GATE_DOC_ARRAY)
		return gate_mesos_bad(m, err, "capabilities is an array");
	for (size_t i = 0; list != NULL && i < list->n_items; i++) {
		const char *word = list->items[i].kind == GATE_DOC_STRING ? list->items[i].text : "";

		(void)snprintf(name, sizeof(name), "CAP_%.50s", word);
		cap = gate_cap_find(name, strlen(name));
		if (cap < 0)
			return gate_mesos_bad(m, err, "'%.40s' is not a capability", word);
		*ret |= UINT64_C(1) << cap;
	}
	return 0;
}

static int take_effective(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	m->has_effective = true;
	return capabilities(m, d, &m->effective, err);
}

static int take_bounding(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	m->has_bounding = true;
	return capabilities(m, d, &m->bounding, err);
}

static int take_share_pid(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_bool(m, d, &m->share_pid, err);
}

static int take_profile_name(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_text(m, d, &m->launch->profile_name, err);
}

static int take_unconfined(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_bool(m, d, &m->launch->unconfined, err);
}

static int take_seccomp(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "profile_name", take_profile_name, NULL },
		                                      { "unconfined", take_unconfined, NULL },
		                                      { NULL, NULL, NULL } };

	m->launch->seccomp = true;
	return gate_mesos_walk(m, d, rows, err);
}

static int take_ipc_mode(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const char *const words[] = { "UNKNOWN", "PRIVATE", "SHARE_PARENT", NULL };

	return gate_mesos_word(m, d, words, &m->ipc, err);
}

static int take_shm_size(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	uint64_t mib;

	if (d->text == NULL || gate_u64_parse(d->text, d->len, 1 << 24, &mib) < 0 || mib == 0)
		return gate_mesos_bad(m, err, "shm_size is a number of MiB");
	if (!isolates(m, GATE_ISOLATE_FILESYSTEM) || !isolates(m, GATE_ISOLATE_IPC))
		return off(m, isolates(m, GATE_ISOLATE_IPC) ? GATE_ISOLATE_FILESYSTEM : GATE_ISOLATE_IPC, err);
	m->task->shm_size = mib << 20;
	return 0;
}

static int take_share_cgroups(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	if (gate_mesos_bool(m, d, &m->share_cgroups, err) < 0)
		return -1;
	return m->share_cgroups && m->launch->id.parent[0] == '\0'
	           ? gate_mesos_bad(m, err, "there is no parent whose control groups it could share")
	           : 0;
}

static int take_linux(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = {
		{ "capability_info", take_effective, NULL }, /* the older name */
		{ "effective_capabilities", take_effective, NULL },
		{ "bounding_capabilities", take_bounding, NULL },
		{ "share_pid_namespace", take_share_pid, NULL },
		{ "seccomp", take_seccomp, NULL },
		{ "ipc_mode", take_ipc_mode, NULL },
		{ "shm_size", take_shm_size, NULL },
		{ "share_cgroups", take_share_cgroups, NULL },
		{ NULL, NULL, NULL },
	};

	return gate_mesos_walk(m, d, rows, err);
}

const struct gate_mesos_row gate_mesos_container[] = {
	{ "type", take_type, NULL },
	{ "mesos", take_mesos, NULL },
	{ "hostname", take_hostname, NULL },
	{ "volumes", take_volumes, NULL },
	{ "linux_info", take_linux, NULL },
	{ "rlimit_info", take_rlimit_info, NULL },
	{ "docker", NULL, "containers are of type MESOS" },
	{ "network_infos", NULL, "a container has the host's network; there are no others" },
	{ "tty_info", NULL, "nobody can attach to a terminal over this API" },
	{ NULL, NULL, NULL },
};

/* A task has one set of capabilities, so two that differ cannot be honoured. */
static int settle_capabilities(struct gate_mesos_maker *m, struct gate_err *err)
{
	struct gate_task *t = m->task;

	(void)snprintf(m->path, sizeof(m->path), "/container/linux_info");
	if (m->has_effective && m->has_bounding && (m->effective & ~m->bounding) != 0)
		return gate_mesos_bad(m, err, "Bounding capabilities do not contain effective capabilities");
	if (m->has_effective && m->has_bounding && m->effective != m->bounding)
		return gate_mesos_bad(
		    m, err,
		    "effective and bounding capabilities differ: a container has one set here, say one of them");
	if (m->has_effective) {
		t->cap_drop = GATE_CAPS_ALL;
		t->cap_add = m->effective;
	} else if (m->has_bounding) {
		t->cap_drop = GATE_CAPS_ALL & ~m->bounding;
	}
	return 0;
}

/* A nested container joins its parent: network and name always, IPC unless PRIVATE, processes when it says so. */
static int settle_spaces(struct gate_mesos_maker *m, struct gate_err *err)
{
	const char *parent = m->launch->id.parent;
	struct gate_task *t = m->task;
	struct gate_ns above = { GATE_NS_HOST, NULL }, host = above;

	if (parent[0] != '\0') {
		above = (struct gate_ns){ GATE_NS_OF, gate_arena_text(&t->arena, parent, strlen(parent)) };
		if (above.of == NULL)
			return GATE_FAIL_NOMEM(err);
		t->cgroup_of = above.of;
	}
	t->network = isolates(m, GATE_ISOLATE_NETWORK) ? above : host;
	if (t->hostname == NULL)
		t->uts = isolates(m, GATE_ISOLATE_UTS) ? above : host;
	if (m->share_pid || !isolates(m, GATE_ISOLATE_PID))
		t->pid = isolates(m, GATE_ISOLATE_PID) ? above : host;
	if (!isolates(m, GATE_ISOLATE_IPC))
		t->ipc = host;
	else if (m->ipc == 2 || (m->ipc != 1 && parent[0] != '\0'))
		t->ipc = above;
	if (t->shm_size != 0 && t->ipc.mode != GATE_NS_OWN)
		return gate_mesos_bad(m, err,
		                      "shm_size with a shared IPC namespace: /dev/shm is not the container's own");
	return 0;
}

int gate_mesos_container_finish(struct gate_mesos_maker *m, struct gate_err *err)
{
	return settle_capabilities(m, err) < 0 ? -1 : settle_spaces(m, err);
}
