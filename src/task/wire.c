/* A task as bytes. One list of its parts serves both ways, so that what is written is what is read. Numbers are eight
 * bytes, a string is its length and its bytes, a list its count and its members. */
#include "task/wire.h"

#define MAGIC_TASK UINT64_C(0x6b736174656c6167)
#define MAGIC_EXEC UINT64_C(0x6365786565746167)
#define NONE       UINT64_MAX /* a string that is NULL */
#define INSNS_MAX  4096       /* BPF_MAXINSNS */
#define INSN_SIZE  8          /* struct sock_filter */

struct wire {
	struct gate_buf *out; /* writing: what was written */
	const uint8_t *at;    /* reading: what is left */
	size_t left;
	struct gate_arena *arena;
	const char *wrong; /* reading: the first thing that was */
	bool nomem;
};

static void fail(struct wire *w, const char *wrong)
{
	if (w->wrong == NULL)
		w->wrong = wrong;
	w->left = 0;
}

static void bytes(struct wire *w, void *b, size_t n)
{
	if (w->out != NULL) {
		gate_buf_add(w->out, b, n);
	} else if (w->left < n) {
		memset(b, 0, n);
		fail(w, "it is cut short");
	} else {
		memcpy(b, w->at, n);
		w->at += n;
		w->left -= n;
	}
}

static uint64_t number(struct wire *w, uint64_t n)
{
	bytes(w, &n, sizeof(n));
	return n;
}

/* A field of any integral type: what does not fit is wrong, and a bool is 0 or 1. */
#define NUMBER(w, field)                                                                                               \
	do {                                                                                                           \
		const uint64_t n_ = number((w), (uint64_t)(field));                                                    \
		if ((w)->out == NULL) {                                                                                \
			(field) = (__typeof__(field))n_;                                                               \
			if ((uint64_t)(field) != n_)                                                                   \
				fail((w), "a number is out of range");                                                 \
		}                                                                                                      \
	} while (0)

static void range(struct wire *w, uint64_t n, uint64_t least, uint64_t most)
{
	if (w->out == NULL && (n < least || n > most))
		fail(w, "a value is none of those that there are");
}

static void string(struct wire *w, const char **s)
{
	uint64_t len = number(w, w->out != NULL && *s != NULL ? strlen(*s) : NONE);

	if (w->out != NULL) {
		gate_buf_add(w->out, *s != NULL ? *s : "", *s != NULL ? (size_t)len : 0);
		return;
	}
	*s = NULL;
	if (w->wrong != NULL || len == NONE)
		return;
	if (len > w->left) {
		fail(w, "a string is longer than the message");
	} else if (memchr(w->at, '\0', (size_t)len) != NULL) {
		fail(w, "a string has a NUL byte");
	} else if ((*s = gate_arena_text(w->arena, (const char *)w->at, (size_t)len)) == NULL) {
		w->nomem = true;
		fail(w, "out of memory");
	} else {
		w->at += len;
		w->left -= (size_t)len;
	}
}

/* A string that must be there. */
static void word(struct wire *w, const char **s)
{
	string(w, s);
	if (w->out == NULL && *s == NULL)
		fail(w, "a string is missing");
	if (*s == NULL)
		*s = "";
}

/* Members to come: each has a number at least, so there are never more than an eighth of the bytes. */
static size_t count(struct wire *w, size_t n)
{
	uint64_t count = number(w, n);

	if (w->out != NULL)
		return n;
	if (count > w->left / sizeof(uint64_t)) {
		fail(w, "a list is longer than the message");
		return 0;
	}
	return (size_t)count;
}

/* Visits each member of a GATE_SPEC_LIST; when reading the list is empty before. The array is the task's own. */
#define LIST(w, list, visit)                                                                                           \
	do {                                                                                                           \
		const size_t n_ = count((w), (list).n);                                                                \
		if ((w)->out == NULL) {                                                                                \
			(list).at = n_ > 0 ? calloc(n_, sizeof(*(list).at)) : NULL;                                    \
			(list).n = (list).cap = (list).at != NULL ? n_ : 0;                                            \
			if (n_ > 0 && (list).at == NULL) {                                                             \
				(w)->nomem = true;                                                                     \
				fail((w), "out of memory");                                                            \
			}                                                                                              \
		}                                                                                                      \
		for (size_t i_ = 0; i_ < (list).n; i_++)                                                               \
			visit((w), &(list).at[i_]);                                                                    \
	} while (0)

static void volume(struct wire *w, struct gate_volume *v)
{
	NUMBER(w, v->kind);
	range(w, v->kind, GATE_VOLUME_BIND, GATE_VOLUME_TMPFS);
	string(w, &v->source);
	word(w, &v->target);
	if (w->out == NULL && v->kind == GATE_VOLUME_BIND && v->source == NULL)
		fail(w, "a volume has no source");
	NUMBER(w, v->read_only);
	NUMBER(w, v->recursive);
	NUMBER(w, v->nosuid);
	NUMBER(w, v->nodev);
	NUMBER(w, v->noexec);
	NUMBER(w, v->make_source);
	NUMBER(w, v->size);
	NUMBER(w, v->mode);
	range(w, v->mode, 0, 07777);
}

static void limit(struct wire *w, struct gate_limit *l)
{
	NUMBER(w, l->resource);
	range(w, (uint64_t)l->resource, 0, 15);
	NUMBER(w, l->soft);
	NUMBER(w, l->hard);
}

static void pair(struct wire *w, struct gate_pair *p)
{
	word(w, &p->key);
	word(w, &p->value);
}

static void space(struct wire *w, struct gate_ns *ns)
{
	NUMBER(w, ns->mode);
	range(w, ns->mode, GATE_NS_OWN, GATE_NS_OF);
	string(w, &ns->of);
	if (w->out == NULL && ns->mode == GATE_NS_OF && ns->of == NULL)
		fail(w, "a namespace is that of nobody");
}

/* In the order of struct gate_task. */
static void visit_task(struct wire *w, struct gate_task *t)
{
	NUMBER(w, t->isolation);
	range(w, t->isolation, 0, GATE_ISOLATE_ALL);
	string(w, &t->name);
	string(w, &t->hostname);
	string(w, &t->rootfs);
	NUMBER(w, t->rootfs_writable);
	string(w, &t->image);
	NUMBER(w, t->read_only);
	LIST(w, t->args, word);
	LIST(w, t->entrypoint, word);
	NUMBER(w, t->has_entrypoint);
	LIST(w, t->env, word);
	string(w, &t->workdir);
	string(w, &t->user);
	NUMBER(w, t->init);
	NUMBER(w, t->terminal);
	NUMBER(w, t->interactive);
	NUMBER(w, t->detach);
	NUMBER(w, t->remove);
	space(w, &t->pid);
	space(w, &t->ipc);
	space(w, &t->network);
	space(w, &t->uts);
	space(w, &t->userns_of);
	NUMBER(w, t->userns_auto);
	LIST(w, t->volumes, volume);
	NUMBER(w, t->cap_add);
	NUMBER(w, t->cap_drop);
	NUMBER(w, t->privileged);
	string(w, &t->profile);
	NUMBER(w, t->no_new_privs);
	NUMBER(w, t->log);
	NUMBER(w, t->memory);
	NUMBER(w, t->memory_swap);
	NUMBER(w, t->cpu_quota_us);
	NUMBER(w, t->cpu_period_us);
	NUMBER(w, t->cpu_shares);
	NUMBER(w, t->pids);
	string(w, &t->cgroup_parent);
	string(w, &t->cgroup_of);
	NUMBER(w, t->oom_score_adj);
	NUMBER(w, t->has_oom_score_adj);
	NUMBER(w, t->shm_size);
	LIST(w, t->limits, limit);
	LIST(w, t->sysctls, pair);
	LIST(w, t->labels, pair);
	LIST(w, t->groups_add, word);
	NUMBER(w, t->stop_signal);
	range(w, (uint64_t)t->stop_signal, 0, 64);
	NUMBER(w, t->stop_ms);
	NUMBER(w, t->timeout_ms);
	NUMBER(w, t->log_bytes);
	NUMBER(w, t->log_files);
	string(w, &t->cidfile);
	NUMBER(w, t->sig_proxy);
	NUMBER(w, t->quiet);
}

static void visit_insns(struct wire *w, struct gate_wire_profile *p)
{
	p->len = count(w, p->len);
	if (w->out != NULL) {
		gate_buf_add(w->out, p->insns, p->len * INSN_SIZE);
		return;
	}
	p->insns = NULL;
	if (w->wrong != NULL || p->len == 0)
		return;
	if (p->len > INSNS_MAX) {
		fail(w, "the program has more than 4096 instructions");
		return;
	}
	void *insns = gate_arena_array(w->arena, p->len, INSN_SIZE);

	if (insns == NULL) {
		w->nomem = true;
		fail(w, "out of memory");
		return;
	}
	bytes(w, insns, p->len * INSN_SIZE);
	p->insns = insns;
}

static void visit_profile(struct wire *w, struct gate_wire_profile *p)
{
	visit_insns(w, p);
	NUMBER(w, p->flags);
	NUMBER(w, p->unconfined);
	NUMBER(w, p->notify);
	string(w, &p->source);
	string(w, &p->text_digest);
	string(w, &p->meaning_digest);
	/* No filter is there because the word was said, never because something is missing. */
	if (w->out == NULL && p->unconfined != (p->len == 0))
		fail(w, p->unconfined ? "it is unconfined, with a program" : "it has no program and is not unconfined");
}

static void visit_exec(struct wire *w, struct gate_wire_exec *e)
{
	struct {
		const char **at;
		size_t n, cap;
	} lists[2] = { { e->args, e->n_args, 0 }, { e->env, e->n_env, 0 } };

	for (size_t k = 0; k < GATE_ARRAY_LEN(lists); k++) {
		const size_t n = count(w, lists[k].n);

		if (w->out == NULL) {
			lists[k].at = GATE_NEWS(w->arena, const char *, n + 1);
			lists[k].n = lists[k].at != NULL ? n : 0;
			if (lists[k].at == NULL) {
				w->nomem = true;
				fail(w, "out of memory");
			}
		}
		for (size_t i = 0; i < lists[k].n; i++)
			word(w, &lists[k].at[i]);
	}
	e->args = lists[0].at;
	e->n_args = lists[0].n;
	e->env = lists[1].at;
	e->n_env = lists[1].n;
	string(w, &e->user);
	string(w, &e->workdir);
	NUMBER(w, e->timeout_ms);
	if (w->out == NULL && e->n_args == 0)
		fail(w, "there is no command");
}

/* --- both ways --- */
static void head(struct wire *w, uint64_t magic)
{
	if (number(w, magic) != magic)
		fail(w, "it is something else");
	if (number(w, GATE_WIRE_VERSION) != GATE_WIRE_VERSION)
		fail(w, "it is of another version of callgate");
}

static int written(const struct wire *w, size_t before, struct gate_err *err)
{
	if (w->out->failed)
		return GATE_FAIL_NOMEM(err);
	if (w->out->len - before > GATE_WIRE_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "the task is larger than %u MiB", GATE_WIRE_MAX >> 20);
	return 0;
}

static int read_all(const struct wire *w, const char *what, struct gate_err *err)
{
	if (w->nomem)
		return GATE_FAIL_NOMEM(err);
	if (w->wrong != NULL)
		return GATE_FAIL(err, GATE_E_PROTO, "a %s came broken: %s", what, w->wrong);
	if (w->left > 0)
		return GATE_FAIL(err, GATE_E_PROTO, "a %s came broken: %zu bytes are left over", what, w->left);
	return 0;
}

int gate_wire_task(const struct gate_task *t, const struct gate_wire_profile *p, struct gate_buf *out,
                   struct gate_err *err)
{
	struct wire w = { .out = out };
	struct gate_wire_profile profile = *p;
	const size_t before = out->len;

	head(&w, MAGIC_TASK);
	/* Nothing of it is changed when it is written. */
	visit_task(&w, (struct gate_task *)(uintptr_t)t);
	visit_profile(&w, &profile);
	return written(&w, before, err);
}

int gate_wire_read_task(const void *b, size_t len, struct gate_task *t, struct gate_wire_profile *p,
                        struct gate_err *err)
{
	struct wire w = { .at = b, .left = len, .arena = &t->arena };

	if (len > GATE_WIRE_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a task came with more than %u MiB", GATE_WIRE_MAX >> 20);
	*p = (struct gate_wire_profile){ 0 };
	head(&w, MAGIC_TASK);
	visit_task(&w, t);
	visit_profile(&w, p);
	return read_all(&w, "task", err);
}

int gate_wire_exec(const struct gate_wire_exec *e, struct gate_buf *out, struct gate_err *err)
{
	struct wire w = { .out = out };
	struct gate_wire_exec copy = *e;
	const size_t before = out->len;

	head(&w, MAGIC_EXEC);
	visit_exec(&w, &copy);
	return written(&w, before, err);
}

int gate_wire_read_exec(const void *b, size_t len, struct gate_arena *arena, struct gate_wire_exec *e,
                        struct gate_err *err)
{
	struct wire w = { .at = b, .left = len, .arena = arena };

	if (len > GATE_WIRE_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a command came with more than %u MiB", GATE_WIRE_MAX >> 20);
	*e = (struct gate_wire_exec){ 0 };
	head(&w, MAGIC_EXEC);
	visit_exec(&w, e);
	return read_all(&w, "command", err);
}
