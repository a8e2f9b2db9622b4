/* Opening sources and what they mean. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "compile/compile.h"
#include "doc/doc.h"
#include "source/source.h"

/* The whole of a regular file, or of a pipe, up to `max` bytes; NUL-terminated. */
static int slurp(const char *path, size_t max, char **ret, size_t *ret_len, struct gate_err *err)
{
	struct gate_buf b = GATE_BUF_INIT;
	char piece[16384];
	struct stat st;
	ssize_t n = 0;
	/* O_NONBLOCK: a fifo that nobody writes to must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? GATE_FAIL(err, GATE_E_NOTFOUND, "'%s' does not exist", path)
		                       : GATE_FAIL_SYS(err, "cannot open '%s'", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is a directory, not a file", path);
	}
	if (!S_ISREG(st.st_mode)) /* a pipe (<(…), /dev/stdin) is read to its end */
		(void)fcntl(fd, F_SETFL, 0);
	while (b.len <= max && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		gate_buf_add(&b, piece, (size_t)n);
	}
	if (n < 0) {
		(void)GATE_FAIL_SYS(err, "cannot read '%s'", path);
		(void)close(fd);
		gate_buf_done(&b);
		return -1;
	}
	(void)close(fd);
	if (b.len > max) {
		gate_buf_done(&b);
		return GATE_FAIL(err, GATE_E_LIMIT, "'%s' is larger than %zu bytes", path, max);
	}
	size_t len = b.len;
	char *text = gate_buf_take(&b);
	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	*ret = text;
	*ret_len = len;
	return 0;
}

int gate_program_read(const char *path, struct gate_insn **insns, size_t *len, struct gate_err *err)
{
	GATE_AUTOFREE char *bytes = NULL;
	struct gate_insn *p;
	size_t n = 0;

	_Static_assert(sizeof(struct gate_insn) == 8, "the layout of struct sock_filter");
	if (slurp(path, GATE_BPF_MAX * sizeof(*p), &bytes, &n, err) < 0)
		return -1;
	if (n == 0 || n % sizeof(*p) != 0)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "'%s' is not a program: %zu bytes are not a number of 8-byte instructions", path, n);
	p = malloc(n);
	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	memcpy(p, bytes, n);
	if (gate_bpf_check(p, n / sizeof(*p), err) < 0) {
		free(p);
		return GATE_NOTE(err, "'%s' is not a program that the kernel would take", path);
	}
	*insns = p;
	*len = n / sizeof(*p);
	return 0;
}

static int open_program(struct gate_source *s, struct gate_err *err)
{
	s->kind = GATE_SOURCE_PROGRAM;
	s->parts = calloc(1, sizeof(*s->parts));
	if (s->parts == NULL)
		return GATE_FAIL_NOMEM(err);
	s->n_parts = 1;
	return gate_program_read(s->file, &s->parts[0].insns, &s->parts[0].len, err);
}

static int open_process(struct gate_source *s, struct gate_err *err)
{
	if (gate_process_parts(s->file, &s->parts, &s->n_parts, err) < 0)
		return -1;
	s->kind = s->n_parts == 0 ? GATE_SOURCE_UNCONFINED : GATE_SOURCE_PROGRAM;
	return 0;
}

static int open_profile(struct gate_source *s, struct gate_err *err)
{
	s->kind = GATE_SOURCE_PROFILE;
	if (slurp(s->file, GATE_DOC_MAX, &s->own_text, &s->len, err) < 0)
		return -1;
	s->text = s->own_text;
	return 0;
}

/* The built-in text is used where it lies: a warm run never reads it. */
static void open_default(struct gate_source *s)
{
	s->kind = GATE_SOURCE_PROFILE;
	s->builtin = true;
	s->text = gate_default_text;
	s->len = gate_default_len;
}

/* "dcoker:web.json": a file of that name, or a mistyped engine? */
static int unknown_prefix(const char *word, size_t len, struct gate_err *err)
{
	static const char *const known[] = { "docker", "podman", "containerd", "cri-o", "crun", "mesos", "bpf", "pid" };
	const char *near = NULL;

	for (size_t i = 0; i < GATE_ARRAY_LEN(known) && near == NULL; i++)
		if (gate_distance(word, len, known[i], strlen(known[i]), 2) <= 2)
			near = known[i];
	if (near == NULL)
		return GATE_FAIL(
		    err, GATE_E_NOTFOUND,
		    "'%s' does not exist, and '%.*s' is not an engine (docker podman containerd cri-o crun mesos), bpf or pid",
		    word, (int)len, word);
	return GATE_FAIL(err, GATE_E_NOTFOUND, "no engine is named '%.*s' (did you mean '%s'?)", (int)len, word, near);
}

static int open_word(struct gate_source *s, struct gate_err *err)
{
	const char *colon = strchr(s->word, ':'), *slash = strchr(s->word, '/');
	size_t len = colon == NULL || (slash != NULL && slash < colon) ? 0 : (size_t)(colon - s->word);
	bool bpf = len == 3 && memcmp(s->word, "bpf", 3) == 0, pid = len == 3 && memcmp(s->word, "pid", 3) == 0;

	s->engine = len == 0 ? GATE_ENGINE_NATIVE : gate_engine_by_name(s->word, len);
	if (s->word[0] == '\0')
		return GATE_FAIL(
		    err, GATE_E_SYNTAX,
		    "an empty word is no source (a path, default, unconfined, docker:PATH, bpf:FILE, pid:N)");
	if (len != 0 && !bpf && !pid && s->engine == 0) {
		if (access(s->word, F_OK) != 0)
			return unknown_prefix(s->word, len, err);
		s->engine = GATE_ENGINE_NATIVE;
		len = 0;
	}
	s->file = strdup(len == 0 ? s->word : colon + 1);
	if (s->file == NULL)
		return GATE_FAIL_NOMEM(err);
	if (bpf)
		return open_program(s, err);
	if (pid)
		return open_process(s, err);
	if (len == 0 && strcmp(s->word, "default") == 0) {
		open_default(s);
		return 0;
	}
	if (len == 0 && strcmp(s->word, "unconfined") == 0) {
		s->kind = GATE_SOURCE_UNCONFINED;
		return 0;
	}
	return open_profile(s, err);
}

int gate_source_open(const char *word, const struct gate_facts *facts, struct gate_source **ret, struct gate_err *err)
{
	struct gate_source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return GATE_FAIL_NOMEM(err);
	s->facts = *facts;
	s->word = strdup(word);
	if (s->word == NULL) {
		free(s);
		return GATE_FAIL_NOMEM(err);
	}
	if (open_word(s, err) < 0) {
		gate_source_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int gate_source_of_text(const char *file, const char *text, size_t len, enum gate_engine engine,
                        const struct gate_facts *facts, struct gate_source **ret, struct gate_err *err)
{
	struct gate_source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return GATE_FAIL_NOMEM(err);
	s->kind = GATE_SOURCE_PROFILE;
	s->engine = engine;
	s->facts = *facts;
	s->len = len;
	s->word = strdup(file);
	s->file = strdup(file);
	s->own_text = malloc(len + 1);
	if (s->word == NULL || s->file == NULL || s->own_text == NULL) {
		gate_source_free(s);
		return GATE_FAIL_NOMEM(err);
	}
	if (len != 0)
		memcpy(s->own_text, text, len);
	s->own_text[len] = '\0';
	s->text = s->own_text;
	*ret = s;
	return 0;
}

void gate_source_free(struct gate_source *s)
{
	if (s == NULL)
		return;
	gate_rules_free(s->rules);
	gate_profile_free(s->profile);
	for (size_t i = 0; i < s->n_parts; i++)
		free(s->parts[i].insns);
	free(s->parts);
	free(s->own_text);
	free(s->file);
	free(s->word);
	free(s);
}

enum gate_source_kind gate_source_kind(const struct gate_source *s)
{
	return s->kind;
}

const char *gate_source_word(const struct gate_source *s)
{
	return s->word;
}

const char *gate_source_file(const struct gate_source *s)
{
	return s->file;
}

const char *gate_source_text(const struct gate_source *s, size_t *len)
{
	if (len != NULL)
		*len = s->len;
	return s->text;
}

const struct gate_facts *gate_source_facts(const struct gate_source *s)
{
	return &s->facts;
}

void gate_source_bytes_digest(const struct gate_source *s, struct gate_digest *ret)
{
	if (s->builtin)
		*ret = gate_default_digest;
	else
		gate_digest_bytes(s->text != NULL ? s->text : "", s->len, ret);
}

static struct gate_piece part_of(const void *ctx, size_t i)
{
	const struct gate_source *s = ctx;

	return (struct gate_piece){ s->parts[i].insns, s->parts[i].len * sizeof(*s->parts[i].insns) };
}

/* Allocates nothing: it has no way to fail. */
void gate_source_text_digest(const struct gate_source *s, char text[GATE_POLICY_DIGEST_TEXT])
{
	struct gate_digest digest;

	if (s->kind != GATE_SOURCE_PROGRAM)
		gate_source_bytes_digest(s, &digest);
	else if (s->n_parts == 1)
		gate_digest_bytes(s->parts[0].insns, s->parts[0].len * sizeof(*s->parts[0].insns), &digest);
	else
		gate_digest_series(part_of, s, s->n_parts, &digest);
	gate_digest_text(&digest, text);
}

int gate_source_rules(struct gate_source *s, const struct gate_rules **ret, struct gate_err *err)
{
	GATE_CHECK(s->kind == GATE_SOURCE_PROFILE);
	if (s->profile == NULL && gate_profile_read(s->file, s->text, s->len, s->engine, NULL, &s->profile, err) < 0)
		return -1;
	if (s->rules == NULL && gate_profile_resolve(s->profile, &s->facts, NULL, &s->rules, err) < 0)
		return -1;
	*ret = s->rules;
	return 0;
}

int gate_source_arches(struct gate_source *s, enum gate_arch arches[GATE_ARCH_MAX], size_t *n, struct gate_err *err)
{
	const struct gate_rules *rules = NULL;
	size_t count = 0;

	if (s->facts.n_arches != 0 || s->kind != GATE_SOURCE_PROFILE) {
		arches[count++] = s->facts.arch;
		for (size_t i = 0; i < s->facts.n_arches; i++)
			if (s->facts.arches[i] != s->facts.arch)
				arches[count++] = s->facts.arches[i];
		*n = count;
		return 0;
	}
	if (gate_source_rules(s, &rules, err) < 0)
		return -1;
	/* The native ABI first; an ABI is covered when its first known call is not an uncovered one. */
	arches[count++] = s->facts.arch;
	for (size_t t = 0; t < rules->n_tokens; t++) {
		for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++) {
			const struct gate_syscall *first = gate_syscall_at((enum gate_arch)a, 0);
			struct gate_data d = { .arch = rules->tokens[t].audit };

			if (a == (int)s->facts.arch || gate_arch_info((enum gate_arch)a)->audit != d.arch ||
			    first == NULL)
				continue;
			d.nr = first->nr;
			if (gate_rules_find(rules, &d, NULL)->why != GATE_WHY_UNCOVERED)
				arches[count++] = (enum gate_arch)a;
		}
	}
	*n = count;
	return 0;
}

static int program_policy(const struct gate_source *s, struct gate_space *space, gate_policy *ret, struct gate_err *err)
{
	bool big = gate_arch_info(s->facts.arch)->big_endian;
	gate_policy all = 0, one = 0;

	for (size_t i = 0; i < s->n_parts; i++) {
		if (gate_bpf_lift(space, s->parts[i].insns, s->parts[i].len, big, &one, err) < 0)
			return GATE_NOTE(err, "'%s'", s->word);
		if (i == 0)
			all = one;
		else if (gate_policy_combine(space, GATE_COMBINE_STACK, all, one, &all, err) < 0)
			return GATE_NOTE(err, "'%s'", s->word);
	}
	return gate_policy_normal(space, all, ret, err);
}

int gate_source_policy(struct gate_source *s, struct gate_space *space, gate_policy *ret, struct gate_err *err)
{
	const struct gate_rules *rules = NULL;

	switch (s->kind) {
	case GATE_SOURCE_UNCONFINED:
		return gate_policy_const(space, GATE_RET_ALLOW, ret, err);
	case GATE_SOURCE_PROGRAM:
		return program_policy(s, space, ret, err);
	case GATE_SOURCE_PROFILE:
		break;
	}
	if (gate_source_rules(s, &rules, err) < 0)
		return -1;
	return gate_rules_policy(rules, space, ret, err);
}

int gate_source_flags(struct gate_source *s, uint32_t *ret, struct gate_err *err)
{
	const struct gate_rules *rules = NULL;

	if (s->kind == GATE_SOURCE_PROFILE && gate_source_rules(s, &rules, err) < 0)
		return -1;
	*ret = rules != NULL ? rules->filter_flags : 0;
	return 0;
}

/* A source of another kind as a profile-free finding. */
static void note(struct gate_findings *f, enum gate_severity severity, const char *id, const char *meaning,
                 const char *text)
{
	gate_findings_add(f, severity, id, (struct gate_place){ 0, 0, 0 }, NULL, meaning, NULL, "%s", text);
}

int gate_source_check(struct gate_source *s, struct gate_findings *f, struct gate_err *err)
{
	struct gate_profile *profile = NULL;

	if (s->kind == GATE_SOURCE_UNCONFINED) {
		note(f, GATE_WARNING, "T35", "every system call is allowed", "there is no filter");
	} else if (s->kind == GATE_SOURCE_PROFILE) {
		struct gate_err mine = GATE_ERR_INIT;
		int rc = gate_profile_read(s->file, s->text, s->len, s->engine, f, &profile, &mine);

		if (rc == 0)
			rc = gate_profile_lint(profile, &s->facts, f, &mine);
		gate_profile_free(profile);
		/* What is wrong with the words of a profile is a finding; only what is no profile at all is an error. */
		if (rc < 0 && (mine.code != GATE_E_INVALID || gate_findings_worst(f) < GATE_ERROR)) {
			if (err != NULL && err->code == GATE_OK)
				*err = mine;
			return -1;
		}
	}
	if (gate_findings_failed(f))
		return GATE_FAIL_NOMEM(err);
	gate_findings_sort(f);
	return 0;
}

/* --- compile --- */

void gate_compiled_free(struct gate_compiled *c)
{
	if (c == NULL)
		return;
	free(c->insns);
	free(c);
}

static int is_notify(void *ctx, uint32_t leaf)
{
	(void)ctx;
	return GATE_RET_ACTION(leaf) == GATE_RET_NOTIFY;
}

/* Compiles and proves; nothing is given out that is not proven. */
static int compile(struct gate_source *s, struct gate_space *space, struct gate_compiled *c, struct gate_err *err)
{
	const struct gate_rules *rules = NULL;
	struct gate_program program = { 0 };
	gate_policy policy = 0;
	int rc = gate_source_policy(s, space, &policy, err);

	if (rc == 0 && s->kind == GATE_SOURCE_PROFILE) {
		rc = gate_source_rules(s, &rules, err);
		if (rc == 0)
			rc = gate_compile_rules(rules, &program, err);
	} else if (rc == 0) {
		rc = gate_compile_policy(space, policy, &program, err);
	}
	if (rc == 0)
		rc = gate_compile_prove(space, policy, program.insns, program.len,
		                        gate_arch_info(s->facts.arch)->big_endian, NULL, err);
	if (rc == 0)
		rc = gate_policy_digest(space, policy, c->meaning, err);
	if (rc == 0) {
		c->insns = GATE_TAKE(&program.insns);
		c->len = program.len;
		c->flags = rules != NULL ? rules->filter_flags : 0;
		c->notify = rules != NULL ? rules->notify : gate_policy_each_leaf(space, policy, is_notify, NULL) != 0;
	}
	gate_program_done(&program);
	return rc;
}

int gate_source_compile(struct gate_source *s, const char *cache_dir, struct gate_compiled **ret, struct gate_err *err)
{
	struct gate_compiled *c = calloc(1, sizeof(*c));
	struct gate_space *space = NULL;
	struct gate_cache_key key;
	bool use_cache = cache_dir != NULL && s->kind == GATE_SOURCE_PROFILE;
	int rc;

	if (c == NULL)
		return GATE_FAIL_NOMEM(err);
	if (use_cache) {
		gate_cache_key(s, &key);
		if (gate_cache_get(cache_dir, &key, c)) {
			c->cached = true;
			*ret = c;
			return 0;
		}
	}
	rc = gate_space_new(NULL, &space, err);
	if (rc == 0 && s->kind == GATE_SOURCE_UNCONFINED) {
		gate_policy all = 0;

		rc = gate_policy_const(space, GATE_RET_ALLOW, &all, err);
		if (rc == 0)
			rc = gate_policy_digest(space, all, c->meaning, err);
	} else if (rc == 0) {
		rc = compile(s, space, c, err);
	}
	gate_space_free(space);
	if (rc < 0) {
		gate_compiled_free(c);
		return -1;
	}
	if (use_cache)
		gate_cache_put(cache_dir, &key, c);
	*ret = c;
	return 0;
}

int gate_source_verify(struct gate_source *s, const struct gate_insn *insns, size_t len, struct gate_data *witness,
                       struct gate_err *err)
{
	struct gate_space *space = NULL;
	gate_policy policy = 0;
	int rc = gate_space_new(NULL, &space, err);

	if (rc == 0)
		rc = gate_source_policy(s, space, &policy, err);
	if (rc == 0)
		rc = gate_compile_prove(space, policy, insns, len, gate_arch_info(s->facts.arch)->big_endian, witness,
		                        err);
	gate_space_free(space);
	return rc;
}

int gate_policy_write(struct gate_space *space, gate_policy policy, const struct gate_facts *facts, const char *dialect,
                      uint32_t filter_flags, char **ret, struct gate_err *err)
{
	static const struct {
		const char *word;
		enum gate_dialect dialect;
	} rows[] = { { "docker", GATE_DIALECT_DOCKER },
		     { "oci", GATE_DIALECT_OCI },
		     { "podman", GATE_DIALECT_PODMAN },
		     { "callgate", GATE_DIALECT_NATIVE } };

	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++)
		if (strcmp(dialect, rows[i].word) == 0)
			return gate_profile_write(space, policy, facts, rows[i].dialect, filter_flags, ret, err);
	return GATE_FAIL(err, GATE_E_INVALID, "'%s' is not a dialect (docker oci podman callgate)", dialect);
}
