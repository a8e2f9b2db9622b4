/* A policy as a profile file.
 *
 * Every path of a decision diagram is a conjunction of masked comparisons, which every dialect can say; paths are
 * disjoint, so no engine's way of ordering rules matters. What no name can say (numbers that no table knows) gets
 * the default action. The text is read back through the dialect's engine and compared before it is given out. */
#include <stdio.h>

#include "base/buf.h"
#include "doc/doc.h"
#include "profile/write_args.h"

#define MOST_CANDIDATES 4     /* default actions to try */
#define MOST_RUNS       65536 /* of numbers that have a vote */
#define X32_FIRST       0x40000000u
#define X32_LAST        0x7fffffffu

struct named {
	const char *name;
	gate_policy p; /* over arguments */
	bool done;
};

struct writing {
	struct gate_space *space;
	gate_policy policy;
	const struct gate_facts *facts;
	enum gate_dialect dialect;
	uint32_t flags;
	struct gate_err *err;
	enum gate_arch arches[GATE_ARCH_MAX]; /* covered, the native one first */
	size_t n_arches;
	struct named *calls;
	size_t n_calls;
};

static int fix_call(const struct writing *w, enum gate_arch arch, uint32_t nr, gate_policy *ret)
{
	gate_policy p = 0;

	if (gate_policy_fix(w->space, w->policy, GATE_WORD_ARCH, UINT32_MAX, gate_arch_info(arch)->audit, &p, w->err) <
	    0)
		return -1;
	return gate_policy_fix(w->space, p, GATE_WORD_NR, UINT32_MAX, nr, ret, w->err);
}

static bool kills(const struct gate_space *space, gate_policy p)
{
	uint32_t leaf = 0;

	return gate_policy_is_const(space, p, &leaf) && gate_ret_rank(leaf) >= gate_ret_rank(GATE_RET_KILL_THREAD);
}

/* An ABI is covered when some named call of it does not simply die. */
static int find_arches(struct writing *w)
{
	w->arches[w->n_arches++] = w->facts->arch;
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++) {
		bool covered = false;

		if (a == (int)w->facts->arch)
			continue;
		for (size_t i = 0; i < gate_syscall_count((enum gate_arch)a) && !covered; i++) {
			gate_policy p = 0;

			if (fix_call(w, (enum gate_arch)a, gate_syscall_at((enum gate_arch)a, i)->nr, &p) < 0)
				return -1;
			covered = !kills(w->space, p);
		}
		if (covered)
			w->arches[w->n_arches++] = (enum gate_arch)a;
	}
	return 0;
}

static bool covers(const struct writing *w, enum gate_arch arch)
{
	for (size_t i = 0; i < w->n_arches; i++)
		if (w->arches[i] == arch)
			return true;
	return false;
}

/* One policy per name: the file cannot say different things for one name on two ABIs; reading back tells if it had
 * to. The ABI with the widest arguments speaks, as narrower ones drop what they do not have. */
static int find_calls(struct writing *w)
{
	size_t count = gate_name_count();

	w->calls = calloc(count, sizeof(*w->calls));
	if (w->calls == NULL)
		return GATE_FAIL_NOMEM(w->err);
	for (size_t id = 0; id < count; id++) {
		enum gate_arch speaker = GATE_ARCH_NONE;
		const struct gate_syscall *sc;

		for (size_t i = 0; i < w->n_arches; i++) {
			if (gate_syscall_of(w->arches[i], (unsigned)id) == NULL)
				continue;
			if (speaker == GATE_ARCH_NONE ||
			    (!gate_arch_info(speaker)->is64 && gate_arch_info(w->arches[i])->is64))
				speaker = w->arches[i];
		}
		if (speaker == GATE_ARCH_NONE)
			continue;
		sc = gate_syscall_of(speaker, (unsigned)id);
		w->calls[w->n_calls].name = gate_name_text((unsigned)id);
		if (fix_call(w, speaker, sc->nr, &w->calls[w->n_calls].p) < 0)
			return -1;
		w->n_calls++;
	}
	return 0;
}

/* --- which default action --- */

struct votes {
	const struct writing *w;
	uint32_t audit;
	uint32_t action[16];
	uint64_t weight[16];
	size_t n;
	unsigned runs;
};

static int vote(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct votes *v = ctx;
	uint32_t leaf = 0;
	size_t i = 0;
	enum gate_arch arch = gate_arch_of(v->audit, lo);

	/* A program may tell odd numbers from even ones: two thousand million runs. */
	if (++v->runs > MOST_RUNS)
		return 1;
	/* Only numbers that no table knows, which is where nothing but the default can speak; small ones say more about the
	 * author's default than the endless rest above the tables. */
	if (!gate_policy_is_const(v->w->space, to, &leaf) || arch == GATE_ARCH_NONE || !covers(v->w, arch))
		return 0;
	while (i < v->n && v->action[i] != leaf)
		i++;
	if (i == GATE_ARRAY_LEN(v->action))
		return 0;
	if (i == v->n)
		v->action[v->n++] = leaf;
	for (uint64_t nr = lo; nr <= hi && nr < (uint64_t)lo + 1024; nr++)
		if (gate_syscall_by_nr(arch, (uint32_t)nr) == NULL)
			v->weight[i]++;
	return 0;
}

static int candidates(const struct writing *w, uint32_t actions[MOST_CANDIDATES], size_t *n)
{
	struct votes v = { .w = w };

	for (size_t i = 0; i < w->n_arches; i++) {
		gate_policy p = 0;

		v.audit = gate_arch_info(w->arches[i])->audit;
		if (gate_policy_fix(w->space, w->policy, GATE_WORD_ARCH, UINT32_MAX, v.audit, &p, w->err) < 0)
			return -1;
		(void)gate_policy_each_range(w->space, p, GATE_WORD_NR, vote, &v);
	}
	for (*n = 0; *n < MOST_CANDIDATES; (*n)++) {
		size_t best = v.n;

		for (size_t i = 0; i < v.n; i++)
			if (v.weight[i] > 0 && (best == v.n || v.weight[i] > v.weight[best]))
				best = i;
		if (best == v.n)
			break;
		actions[*n] = v.action[best];
		v.weight[best] = 0;
	}
	return 0;
}

/* --- the text --- */

static void write_action(struct gate_json *j, const char *key, const char *errno_key, uint32_t action)
{
	gate_json_key(j, key);
	gate_json_text(j, gate_action_scmp(action));
	if (GATE_RET_ACTION(action) == GATE_RET_ERRNO || GATE_RET_ACTION(action) == GATE_RET_TRACE) {
		gate_json_key(j, errno_key);
		gate_json_u64(j, GATE_RET_DATA(action));
	}
}

static void write_cond(struct gate_json *j, const struct gate_cond *c)
{
	bool mask = c->op == GATE_OP_MASKED_EQ;

	gate_json_object(j);
	gate_json_key(j, "index");
	gate_json_u64(j, c->arg);
	gate_json_key(j, "value");
	gate_json_u64(j, mask ? c->mask : c->value);
	if (mask) {
		gate_json_key(j, "valueTwo");
		gate_json_u64(j, c->value);
	}
	gate_json_key(j, "op");
	gate_json_text(j, gate_op_scmp((enum gate_op)c->op));
	gate_json_end(j, '}');
}

struct leaves {
	uint32_t *leaves;
	size_t n;
};

static int take_leaf(void *ctx, uint32_t leaf)
{
	struct leaves *l = ctx;

	if (l->n == 64)
		return 1;
	l->leaves[l->n++] = leaf;
	return 0;
}

static void names_with(struct writing *w, size_t first, struct gate_json *j)
{
	gate_json_key(j, "names");
	gate_json_array(j);
	for (size_t i = first; i < w->n_calls; i++)
		if (w->calls[i].p == w->calls[first].p)
			gate_json_text(j, w->calls[i].name);
	gate_json_end(j, ']');
}

static void write_rule(struct writing *w, size_t first, struct gate_json *j, const struct gate_written_rule *rule)
{
	gate_json_object(j);
	names_with(w, first, j);
	write_action(j, "action", "errnoRet", rule->action);
	if (rule->n > 0) {
		gate_json_key(j, "args");
		gate_json_array(j);
		for (uint32_t i = 0; i < rule->n; i++)
			write_cond(j, &rule->conds[i]);
		gate_json_end(j, ']');
	}
	gate_json_end(j, '}');
}

/* The shorter way to say what a call's arguments decide: rules for what leaves the default, or (in our own reading, where
 * conditions make an unconditional rule stricter) one rule for the loosest action and rules for what is stricter. */
static int conditional(struct writing *w, size_t first, struct gate_json *j, uint32_t default_action)
{
	bool native = w->dialect == GATE_DIALECT_NATIVE;
	struct gate_written_rules plain = { .base = default_action, .narrow_ops = native };
	struct gate_written_rules based = { .base = GATE_RET_KILL_PROCESS, .has_base = true, .narrow_ops = native };
	struct gate_written_rules *use = &plain;
	uint32_t leaves[64];
	struct leaves l = { leaves, 0 };
	int rc = 0;

	gate_write_args(w->space, w->calls[first].p, &plain);
	if (native && gate_policy_each_leaf(w->space, w->calls[first].p, take_leaf, &l) == 0) {
		for (size_t i = 0; i < l.n; i++)
			if (gate_ret_rank(leaves[i]) < gate_ret_rank(based.base))
				based.base = leaves[i];
		gate_write_args(w->space, w->calls[first].p, &based);
		if (!based.impossible && (plain.impossible || based.n + 1 < plain.n))
			use = &based;
	}
	if (plain.failed || based.failed) {
		rc = GATE_FAIL_NOMEM(w->err);
	} else if (use->impossible) {
		rc = GATE_FAIL(w->err, GATE_E_UNSUPPORTED, "what the arguments of '%s' decide needs more than %d rules",
		               w->calls[first].name, GATE_WRITTEN_MOST);
	} else {
		if (use->has_base)
			write_rule(w, first, j, &(struct gate_written_rule){ .action = use->base });
		for (size_t i = 0; i < use->n; i++)
			write_rule(w, first, j, &use->rules[i]);
	}
	free(plain.rules);
	free(based.rules);
	return rc;
}

static void write_arches(const struct writing *w, struct gate_json *j)
{
	gate_json_key(j, "architectures");
	gate_json_array(j);
	for (size_t i = 0; i < w->n_arches; i++)
		gate_json_text(j, gate_arch_info(w->arches[i])->scmp);
	gate_json_end(j, ']');
}

static void write_flags(const struct writing *w, struct gate_json *j)
{
	static const char *const names[] = { "TSYNC", "LOG", "SPEC_ALLOW", NULL, NULL, "WAIT_KILLABLE_RECV" };

	if (w->flags == 0)
		return;
	gate_json_key(j, "flags");
	gate_json_array(j);
	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++) {
		char text[64];

		if ((w->flags >> i & 1) == 0 || names[i] == NULL)
			continue;
		(void)snprintf(text, sizeof(text), "SECCOMP_FILTER_FLAG_%s", names[i]);
		gate_json_text(j, text);
	}
	gate_json_end(j, ']');
}

static int write_text(struct writing *w, uint32_t default_action, char **ret)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;
	int rc = 0;

	for (size_t i = 0; i < w->n_calls; i++)
		w->calls[i].done = false;
	gate_json_init(&j, &out, 2);
	gate_json_object(&j);
	write_action(&j, "defaultAction", "defaultErrnoRet", default_action);
	write_arches(w, &j);
	write_flags(w, &j);
	gate_json_key(&j, "syscalls");
	gate_json_array(&j);
	/* Unconditional rules first: where a call is reached through socketcall or ipc too, libseccomp adds a rule for the
	 * multiplexer, which one that is there already for all its calls keeps out. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < w->n_calls && rc == 0; i++) {
			uint32_t leaf = 0;
			bool constant = gate_policy_is_const(w->space, w->calls[i].p, &leaf);

			if (w->calls[i].done || (pass == 0) != constant || (constant && leaf == default_action))
				continue;
			for (size_t k = i; k < w->n_calls; k++)
				w->calls[k].done = w->calls[k].done || w->calls[k].p == w->calls[i].p;
			if (constant)
				write_rule(w, i, &j, &(struct gate_written_rule){ .action = leaf });
			else
				rc = conditional(w, i, &j, default_action);
		}
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	gate_buf_puts(&out, "\n");
	if (rc < 0) {
		gate_buf_done(&out);
		return -1;
	}
	*ret = gate_buf_take(&out);
	return *ret == NULL ? GATE_FAIL_NOMEM(w->err) : 0;
}

/* --- reading back --- */

/* The policy where a file can speak: covered tokens, and on x86_64's the numbers from 0x40000000 only with x32. */
static int in_scope(const struct writing *w, gate_policy p, gate_policy *ret)
{
	gate_policy out = 0, scope = 0, part = 0;

	if (gate_policy_const(w->space, GATE_RET_KILL_PROCESS, &out, w->err) < 0 ||
	    gate_policy_const(w->space, 0, &scope, w->err) < 0)
		return -1;
	for (size_t i = 0; i < w->n_arches; i++) {
		enum gate_arch arch = w->arches[i];
		bool alone = arch == GATE_ARCH_X32 ? !covers(w, GATE_ARCH_X86_64)
		                                   : arch == GATE_ARCH_X86_64 && !covers(w, GATE_ARCH_X32);
		gate_policy numbers = 0;

		if (gate_policy_masked(w->space, GATE_WORD_ARCH, UINT32_MAX, gate_arch_info(arch)->audit, &part,
		                       w->err) < 0)
			return -1;
		if (alone) {
			uint32_t lo = arch == GATE_ARCH_X32 ? X32_FIRST : 0,
				 hi = arch == GATE_ARCH_X32 ? X32_LAST : X32_FIRST - 1;

			if (gate_policy_between(w->space, GATE_WORD_NR, lo, hi, &numbers, w->err) < 0 ||
			    gate_policy_combine(w->space, GATE_COMBINE_AND, part, numbers, &part, w->err) < 0)
				return -1;
		}
		if (gate_policy_combine(w->space, GATE_COMBINE_OR, scope, part, &scope, w->err) < 0)
			return -1;
	}
	return gate_policy_ite(w->space, scope, p, out, ret, w->err);
}

static int meaning(const struct writing *w, const char *text, gate_policy *ret, struct gate_err *err)
{
	static const enum gate_engine engines[] = {
		[GATE_DIALECT_DOCKER] = GATE_ENGINE_DOCKER,
		[GATE_DIALECT_OCI] = GATE_ENGINE_CONTAINERD,
		[GATE_DIALECT_PODMAN] = GATE_ENGINE_PODMAN,
		[GATE_DIALECT_NATIVE] = GATE_ENGINE_NATIVE,
	};
	struct gate_profile *p = NULL;
	struct gate_rules *rules = NULL;
	struct gate_facts facts = *w->facts;
	int rc;

	facts.n_arches = 0; /* the file itself must say what it covers */
	rc = gate_profile_read("(written)", text, strlen(text), engines[w->dialect], NULL, &p, err);
	if (rc == 0)
		rc = gate_profile_resolve(p, &facts, NULL, &rules, err);
	if (rc == 0)
		rc = gate_rules_policy(rules, w->space, ret, err);
	gate_rules_free(rules);
	gate_profile_free(p);
	return rc;
}

/* 1: the text means the policy; 0: it does not. Then *why has the engine's refusal, or *witness is an input. */
static int same(const struct writing *w, const char *text, struct gate_data *witness, struct gate_err *why)
{
	gate_policy back = 0, want = 0, differ = 0;

	if (meaning(w, text, &back, why) < 0) {
		if (why->code == GATE_E_INVALID || why->code == GATE_E_UNSUPPORTED || why->code == GATE_E_CONFLICT)
			return 0; /* that engine takes no file that says this */
		*w->err = *why;
		return -1;
	}
	if (in_scope(w, back, &back) < 0 || in_scope(w, w->policy, &want) < 0)
		return -1;
	if (back == want)
		return 1;
	if (gate_policy_combine(w->space, GATE_COMBINE_DIFFER, back, want, &differ, w->err) < 0)
		return -1;
	(void)gate_policy_witness(w->space, differ, witness);
	return 0;
}

static int cannot(const struct writing *w, const struct gate_data *d, const struct gate_err *why)
{
	static const char *const words[] = { [GATE_DIALECT_DOCKER] = "docker",
		                             [GATE_DIALECT_OCI] = "oci",
		                             [GATE_DIALECT_PODMAN] = "podman",
		                             [GATE_DIALECT_NATIVE] = "callgate" };
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_syscall *sc = arch == GATE_ARCH_NONE ? NULL : gate_syscall_by_nr(arch, d->nr);
	const char *host = arch == GATE_ARCH_NONE ? "an unknown architecture" : gate_arch_info(arch)->name;
	const char *dialect = words[w->dialect];
	char hint[64] = "";

	/* One name means one thing on all architectures of a file: with a single one most policies can be said. */
	if (w->n_arches > 1)
		(void)snprintf(hint, sizeof(hint), "; for one architecture it may: --arch=%s",
		               gate_arch_info(w->facts->arch)->name);
	if (why->code != GATE_OK)
		return GATE_FAIL(w->err, GATE_E_UNSUPPORTED,
		                 "the %s dialect cannot say this for these architectures: %s%s", dialect, why->text,
		                 hint);
	if (sc != NULL)
		return GATE_FAIL(w->err, GATE_E_UNSUPPORTED,
		                 "the %s dialect cannot say what happens to '%s' (%u) on %s%s", dialect,
		                 gate_name_text(sc->name), d->nr, host, hint);
	return GATE_FAIL(w->err, GATE_E_UNSUPPORTED,
	                 "the %s dialect cannot say what happens to number %u on %s, which no table knows%s", dialect,
	                 d->nr, host, hint);
}

static int try_defaults(struct writing *w, char **ret)
{
	uint32_t actions[MOST_CANDIDATES];
	struct gate_err refused = GATE_ERR_INIT;
	struct gate_data first = { 0 };
	size_t n = 0;

	if (find_arches(w) < 0 || find_calls(w) < 0 || candidates(w, actions, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct gate_err why = GATE_ERR_INIT;
		struct gate_data witness = { 0 };
		char *text = NULL;
		int ok = write_text(w, actions[i], &text) < 0 ? -1 : same(w, text, &witness, &why);

		if (ok == 1) {
			*ret = text;
			return 0;
		}
		free(text);
		if (ok < 0)
			return -1;
		if (i == 0) {
			first = witness;
			refused = why;
		}
	}
	return cannot(w, &first, &refused);
}

int gate_profile_write(struct gate_space *space, gate_policy policy, const struct gate_facts *facts,
                       enum gate_dialect dialect, uint32_t filter_flags, char **ret, struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;
	struct writing w = { .space = space,
		             .policy = policy,
		             .facts = facts,
		             .dialect = dialect,
		             .flags = filter_flags,
		             .err = &mine };
	int rc = try_defaults(&w, ret);

	free(w.calls);
	if (rc < 0 && err != NULL && err->code == GATE_OK)
		*err = mine;
	return rc;
}
