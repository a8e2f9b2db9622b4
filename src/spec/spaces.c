/* Which namespaces a task is in. */
#include "spec/parts.h"
#include "spec/words.h"

#define BAD(...) GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)

/* "host", a word for one of its own, or "container:TASK". 1: none of them. */
static int space(struct gate_spec *s, const char *value, const char *own, struct gate_ns *ns, struct gate_err *err)
{
	if (strcmp(value, "host") == 0) {
		*ns = (struct gate_ns){ GATE_NS_HOST, NULL };
		return 0;
	}
	if (strcmp(value, own) == 0) {
		*ns = (struct gate_ns){ GATE_NS_OWN, NULL };
		return 0;
	}
	if (strncmp(value, "container:", 10) != 0)
		return 1;
	if (!gate_task_name_ok(value + 10))
		return BAD("'--%s container:' takes the id or the name of a task, not '%s'", s->flag, value + 10);
	ns->mode = GATE_NS_OF;
	return gate_spec_copy(s, value + 10, strlen(value + 10), &ns->of, err);
}

int gate_take_network(struct gate_spec *s, const char *value, struct gate_err *err)
{
	static const char *const elsewhere[] = { "bridge", "default", "slirp4netns", "pasta", "private" };
	int done = space(s, value, "none", &s->task->network, err);
	char near[GATE_NEAR_MAX];

	if (done <= 0)
		return done;
	for (size_t i = 0; i < GATE_ARRAY_LEN(elsewhere); i++)
		if (strncmp(value, elsewhere[i], strlen(elsewhere[i])) == 0)
			return BAD("there is no network '%s' here: none, host, or container:TASK to share one", value);
	return BAD("'--%s' takes none, host or container:TASK, not '%s'%s; there are no named networks here", s->flag,
	           value, gate_word_near(value, strlen(value), "none|host", near));
}

static int other(struct gate_spec *s, const char *value, const char *choices, struct gate_err *err)
{
	char near[GATE_NEAR_MAX];

	return BAD("'--%s' takes %s, not '%s'%s", s->flag, choices, value,
	           gate_word_near(value, strlen(value), "host|private|shareable", near));
}

int gate_take_pid(struct gate_spec *s, const char *value, struct gate_err *err)
{
	int done = space(s, value, "private", &s->task->pid, err);

	return done <= 0 ? done : other(s, value, "private, host or container:TASK", err);
}

int gate_take_ipc(struct gate_spec *s, const char *value, struct gate_err *err)
{
	/* Every one of its own can be joined. */
	int done = space(s, strcmp(value, "shareable") == 0 ? "private" : value, "private", &s->task->ipc, err);

	if (done <= 0)
		return done;
	if (strcmp(value, "none") == 0)
		return BAD("'--ipc none' is not offered: a task with an IPC namespace of its own has /dev/shm");
	return other(s, value, "private, shareable, host or container:TASK", err);
}

int gate_take_uts(struct gate_spec *s, const char *value, struct gate_err *err)
{
	int done = space(s, value, "private", &s->task->uts, err);

	return done <= 0 ? done : other(s, value, "private, host or container:TASK", err);
}

int gate_take_userns(struct gate_spec *s, const char *value, struct gate_err *err)
{
	char near[GATE_NEAR_MAX];

	if (strcmp(value, "auto") != 0 && strcmp(value, "host") != 0)
		return BAD("'--userns' takes auto or host, not '%s'%s", value,
		           gate_word_near(value, strlen(value), "auto|host", near));
	s->task->userns_auto = value[0] == 'a';
	return 0;
}

int gate_take_cgroupns(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (strcmp(value, "host") != 0 && strcmp(value, "private") != 0)
		return other(s, value, "private or host", err);
	/* Asked of --isolation in gate_spec_finish. */
	s->cgroup_host = value[0] == 'h';
	return 0;
}

int gate_take_hostname(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

	/* sethostname(2): 64 bytes */
	if (len == 0 || value[len] != '\0' || len > 64 || value[0] == '-' || value[0] == '.')
		return BAD("'--hostname' takes up to 64 letters, digits, '-', '.' and '_', not '%s'", value);
	return gate_spec_copy(s, value, len, &s->task->hostname, err);
}
