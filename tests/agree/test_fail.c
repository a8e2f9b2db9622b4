/* Every allocation behind the operations on sources is failed in turn, once and for ever after: an error that says so,
 * the outputs untouched, nothing leaked, and the same source answers when memory is back.
 *
 * Only allocations of ours fail (ld --wrap): libfyaml 0.7.12 does not survive its own, so the reader asks for what it
 * can need before it calls it (tests/unit/doc/alloc_test.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <callgate/source.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static size_t countdown; /* 0: off */
static bool for_ever, fired;
static long live;

static bool fails(void)
{
	if (countdown == 0 || (countdown > 1 && countdown-- > 1))
		return false;
	fired = true;
	countdown = for_ever ? 1 : 0;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);

	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __real_realloc(old, size);

	live += p != NULL && old == NULL;
	return p;
}

char *__wrap_strdup(const char *s)
{
	char *p = fails() ? NULL : __real_strdup(s);

	live += p != NULL;
	return p;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

/* --- operations: each leaves a string that tells its answer --- */

static const struct gate_facts host = { .arch = GATE_ARCH_X86_64, .kernel = { 6, 18 }, .caps = 0xa80425fb };

static const char profile[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n"
    " \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}],\n"
    " \"syscalls\": [\n"
    "  {\"names\": [\"read\", \"write\", \"openat\", \"mmap\", \"brk\", \"execve\", \"exit_group\", \"statx\", \"nosuchcall\"],"
    " \"action\": \"SCMP_ACT_ALLOW\"},\n"
    "  {\"names\": [\"socket\", \"bind\", \"semop\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 40,"
    " \"op\": \"SCMP_CMP_NE\"}]},\n"
    "  {\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 8, \"op\": \"SCMP_CMP_EQ\"}]},\n"
    "  {\"names\": [\"personality\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": 4294967295, \"op\":"
    " \"SCMP_CMP_EQ\"}]},\n"
    "  {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 2114060288, \"valueTwo\": 0,"
    " \"op\": \"SCMP_CMP_MASKED_EQ\"}], \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"arches\": [\"s390\"]}},\n"
    "  {\"names\": [\"lseek\"], \"action\": \"SCMP_ACT_KILL_PROCESS\", \"args\": [{\"index\": 1, \"value\": 4294967296, \"op\":"
    " \"SCMP_CMP_GE\"}, {\"index\": 2, \"value\": 3, \"op\": \"SCMP_CMP_LT\"}]},\n"
    "  {\"names\": [\"clone3\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38},\n"
    "  {\"names\": [\"mount\"], \"action\": \"SCMP_ACT_TRAP\", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}}\n"
    " ]}\n";

struct trial {
	const char *word; /* the source */
	struct gate_err err;
	size_t nth; /* of the allocation that fails; 0: none */
	bool touched;
	char answer[256];
};

static void arm(const struct trial *t)
{
	fired = false;
	countdown = t->nth;
}

static int disarm(int rc)
{
	countdown = 0;
	return rc;
}

static struct gate_source *opened(const char *word)
{
	struct gate_source *s = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_source_open(word, &host, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static struct gate_space *fresh_space(void)
{
	struct gate_space *space = NULL;

	assert_int_equal(gate_space_new(NULL, &space, NULL), 0);
	return space;
}

/* A second policy to compare with. */
static gate_policy policy_of(struct gate_space *space, const char *word)
{
	struct gate_source *s = opened(word);
	gate_policy p = 0;

	assert_int_equal(gate_source_policy(s, space, &p, NULL), 0);
	gate_source_free(s);
	return p;
}

static void *const sentinel = (void *)&host;

static int op_open(struct trial *t)
{
	struct gate_source *s = sentinel;
	int rc;

	arm(t);
	rc = disarm(gate_source_open(t->word, &host, &s, &t->err));
	t->touched = s != sentinel;
	if (rc == 0) {
		gate_source_text_digest(s, t->answer);
		gate_source_free(s);
	}
	return rc;
}

static int op_text_digest(struct trial *t)
{
	struct gate_source *s = opened(t->word);

	arm(t);
	gate_source_text_digest(s, t->answer);
	gate_source_free(s);
	return disarm(0);
}

static int op_arches(struct trial *t)
{
	struct gate_source *s = opened(t->word);
	enum gate_arch arches[GATE_ARCH_MAX];
	size_t n = 77;
	int rc;

	arm(t);
	rc = disarm(gate_source_arches(s, arches, &n, &t->err));
	t->touched = n != 77;
	(void)snprintf(t->answer, sizeof(t->answer), "%zu", n);
	if (rc < 0) {
		assert_int_equal(gate_source_arches(s, arches, &n, NULL), 0);
		assert_true(n < 77);
	}
	gate_source_free(s);
	return rc;
}

static int op_flags(struct trial *t)
{
	struct gate_source *s = opened(t->word);
	uint32_t flags = 77;
	int rc;

	arm(t);
	rc = disarm(gate_source_flags(s, &flags, &t->err));
	t->touched = flags != 77;
	(void)snprintf(t->answer, sizeof(t->answer), "%u", flags);
	gate_source_free(s);
	return rc;
}

/* In a space of its own, which is made anew after a failure, as everybody does. */
static int op_policy(struct trial *t)
{
	struct gate_source *s = opened(t->word);
	struct gate_space *space = NULL;
	gate_policy p = 0xabcdef;
	int rc;

	arm(t);
	rc = gate_space_new(NULL, &space, &t->err);
	if (rc == 0)
		rc = gate_source_policy(s, space, &p, &t->err);
	t->touched = p != 0xabcdef;
	if (rc == 0)
		rc = gate_policy_digest(space, p, t->answer, &t->err);
	(void)disarm(0);
	t->touched = t->touched && rc == 0;
	gate_space_free(space);
	if (rc < 0) {
		space = fresh_space();
		assert_int_equal(gate_source_policy(s, space, &p, NULL), 0);
		gate_space_free(space);
	}
	gate_source_free(s);
	return rc;
}

static int op_check(struct trial *t)
{
	struct gate_source *s = opened(t->word);
	struct gate_findings *f = NULL;
	int rc;

	arm(t);
	rc = gate_findings_new(&f, &t->err);
	if (rc == 0)
		rc = gate_source_check(s, f, &t->err);
	(void)disarm(0);
	t->touched = rc == 0;
	(void)snprintf(t->answer, sizeof(t->answer), "%zu", rc == 0 ? gate_findings_count(f) : 0);
	gate_findings_free(f);
	gate_source_free(s);
	return rc;
}

static int op_explain(struct trial *t)
{
	static const char *const calls[] = { "socket", "socket(40)", "personality", "lseek", "nr 9999", "x86:socketcall", "mkdir" };
	struct gate_source *s = opened(t->word);
	uint32_t sum = 0; /* of all that is said */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct gate_explanation *e = sentinel;
		struct gate_call call = { .arch = GATE_ARCH_X86_64, .nr = 9999 };

		if (strncmp(calls[i], "nr", 2) != 0)
			assert_int_equal(gate_call_parse(calls[i], GATE_ARCH_X86_64, &call, NULL), 0);
		if (i == 0)
			arm(t);
		rc = gate_source_explain(s, &call, &e, &t->err);
		t->touched = e != sentinel;
		if (rc < 0)
			break;
		for (size_t k = 0; k < e->n; k++) {
			sum = sum * 31 + e->outcomes[k].action;
			for (const char *c = e->outcomes[k].when; c != NULL && *c != '\0'; c++)
				sum = sum * 31 + (unsigned char)*c;
		}
		gate_explanation_free(e);
	}
	(void)disarm(0);
	(void)snprintf(t->answer, sizeof(t->answer), "%x", sum);
	gate_source_free(s);
	return rc;
}

static int compile_with(struct trial *t, const char *cache)
{
	struct gate_source *s = opened(t->word);
	struct gate_compiled *c = sentinel;
	int rc;

	arm(t);
	rc = disarm(gate_source_compile(s, cache, &c, &t->err));
	t->touched = c != sentinel;
	if (rc == 0) {
		(void)snprintf(t->answer, sizeof(t->answer), "%zu %u %s", c->len, c->flags, c->meaning);
		gate_compiled_free(c);
	} else {
		assert_int_equal(gate_source_compile(s, NULL, &c, NULL), 0);
		gate_compiled_free(c);
	}
	gate_source_free(s);
	return rc;
}

static int op_compile(struct trial *t)
{
	return compile_with(t, NULL);
}

/* The first run fills the cache, the later ones find what it left. */
static int op_compile_warm(struct trial *t)
{
	return compile_with(t, "cache");
}

static int op_compile_cold(struct trial *t)
{
	int rc;

	assert_int_equal(system("rm -rf cold"), 0);
	rc = compile_with(t, "cold");
	return rc;
}

static int op_verify(struct trial *t)
{
	struct gate_source *s = opened(t->word);
	struct gate_data witness = { .nr = 77 };
	struct gate_insn *insns = NULL;
	size_t len = 0;
	int rc;

	assert_int_equal(gate_program_read("program", &insns, &len, NULL), 0);
	arm(t);
	rc = disarm(gate_source_verify(s, insns, len, &witness, &t->err));
	t->touched = rc == 0 || witness.nr != 77;
	free(insns);
	gate_source_free(s);
	return rc;
}

static int op_program_read(struct trial *t)
{
	struct gate_insn *insns = sentinel;
	size_t len = 77;
	int rc;

	arm(t);
	rc = disarm(gate_program_read(t->word, &insns, &len, &t->err));
	t->touched = insns != sentinel || len != 77;
	(void)snprintf(t->answer, sizeof(t->answer), "%zu", len);
	if (rc == 0)
		free(insns);
	return rc;
}

static int one_more(void *ctx, const struct gate_difference *d)
{
	struct trial *t = ctx;
	size_t used = strlen(t->answer) % 200;

	(void)snprintf(t->answer + used, sizeof(t->answer) - used, "%u%s", d->nr_lo, d->when != NULL ? d->when : "");
	return 0;
}

/* What was found before memory went is given to the callback: that is no output. */
static int op_diff(struct trial *t)
{
	struct gate_space *space = fresh_space();
	gate_policy a = policy_of(space, t->word), b = policy_of(space, "default");
	int rc;

	arm(t);
	rc = disarm(gate_policy_diff(space, a, b, one_more, t, &t->err));
	t->touched = rc == 0;
	gate_space_free(space);
	return rc;
}

static int op_subset(struct trial *t)
{
	struct gate_space *space = fresh_space();
	gate_policy a = policy_of(space, t->word), b = policy_of(space, "default");
	struct gate_data witness = { .nr = 0xabcdef };
	bool holds = true;
	int rc;

	arm(t);
	rc = disarm(gate_policy_subset(space, a, b, &holds, &witness, &t->err));
	t->touched = witness.nr != 0xabcdef;
	(void)snprintf(t->answer, sizeof(t->answer), "%d %x %u", holds, witness.arch, witness.nr);
	gate_space_free(space);
	return rc;
}

static int op_write(struct trial *t)
{
	struct gate_space *space = fresh_space();
	gate_policy p = policy_of(space, t->word);
	char *text = sentinel;
	int rc;

	arm(t);
	rc = disarm(gate_policy_write(space, p, &host, "callgate", 0, &text, &t->err));
	t->touched = text != sentinel;
	if (rc == 0) {
		(void)snprintf(t->answer, sizeof(t->answer), "%zu", strlen(text));
		free(text);
	}
	gate_space_free(space);
	return rc;
}

/* --- the sweep --- */

static const struct {
	const char *name;
	int (*run)(struct trial *t);
	const char *word;
	bool optional; /* may succeed without the memory */
} rows[] = {
	{ "open a file", op_open, "p.json", false },
	{ "open the default", op_open, "default", false },
	{ "open a program", op_open, "bpf:program", false },
	{ "open for an engine", op_open, "docker:p.json", false },
	{ "digest of a text", op_text_digest, "p.json", true },
	{ "digest of a program", op_text_digest, "bpf:program", true },
	{ "arches", op_arches, "p.json", false },
	{ "flags", op_flags, "p.json", false },
	{ "policy", op_policy, "p.json", false },
	{ "policy of the default", op_policy, "default", false },
	{ "policy of an engine", op_policy, "docker:p.json", false },
	{ "policy of mesos", op_policy, "mesos:m.json", false },
	{ "policy of a program", op_policy, "bpf:program", false },
	{ "check", op_check, "p.json", false },
	{ "check for an engine", op_check, "crun:p.json", false },
	{ "explain", op_explain, "p.json", false },
	/* The words for the last outcome are made and not needed. */
	{ "explain a program", op_explain, "bpf:program", true },
	{ "compile", op_compile, "p.json", false },
	{ "compile the default", op_compile, "default", false },
	{ "compile a program", op_compile, "bpf:program", false },
	{ "compile with a cold cache", op_compile_cold, "p.json", true },
	{ "compile with a warm cache", op_compile_warm, "p.json", true },
	{ "verify", op_verify, "p.json", false },
	{ "read a program", op_program_read, "program", false },
	{ "diff", op_diff, "p.json", false },
	{ "subset", op_subset, "p.json", false },
	{ "write", op_write, "p.json", true }, /* goes on with the next way to say it */
};

static size_t sweep(size_t row, size_t *without)
{
	struct trial calm = { .word = rows[row].word };

	if (rows[row].run(&calm) < 0)
		fail_msg("%s: %s", rows[row].name, calm.err.text);
	for (size_t nth = 1;; nth++) {
		struct trial t = { .word = rows[row].word, .nth = nth };
		long before = live;
		int rc = rows[row].run(&t);

		if (live != before)
			fail_msg("%s, allocation %zu%s: %ld blocks leak", rows[row].name, nth, for_ever ? " and on" : "", live - before);
		if (rc == 0 && strcmp(t.answer, calm.answer) != 0)
			fail_msg("%s, allocation %zu: '%s' instead of '%s'", rows[row].name, nth, t.answer, calm.answer);
		if (!fired)
			return nth - 1;
		if (rc == 0 && !rows[row].optional)
			fail_msg("%s, allocation %zu%s: no error", rows[row].name, nth, for_ever ? " and on" : "");
		*without += rc == 0;
		if (rc < 0 && (t.err.code != GATE_E_NOMEM || t.err.text[0] == '\0'))
			fail_msg("%s, allocation %zu%s: error %d '%s'", rows[row].name, nth, for_ever ? " and on" : "", t.err.code, t.err.text);
		if (rc < 0 && t.touched)
			fail_msg("%s, allocation %zu: the output is touched", rows[row].name, nth);
		assert_true(nth < 100000);
	}
}

static void sweep_all(bool ever)
{
	size_t total = 0, without = 0;

	for_ever = ever;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		size_t n = sweep(row, &without);

		printf("# %s: %zu\n", rows[row].name, n);
		total += n;
	}
	printf("# %zu failed allocations%s, %zu of them made up for\n", total, ever ? " and all after" : "", without);
	assert_true(total > 300);
}

static void one_failed_allocation_is_an_error_and_nothing_else(void **state)
{
	(void)state;
	sweep_all(false);
}

static void memory_that_stays_gone_is_an_error_and_nothing_else(void **state)
{
	(void)state;
	sweep_all(true);
}

/* --- a folder with the files --- */

static char dir[] = "/tmp/callgate-fail-XXXXXX";

static void put(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int enter(void **state)
{
	static const char mesos[] =
	    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": []}],"
	    " \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"valueTwo\": 0,"
	    " \"op\": \"SCMP_CMP_GT\"}], \"includes\": {\"caps\": [\"CAP_CHOWN\"]}, \"excludes\": {}}]}";
	struct gate_compiled *c = NULL;
	struct gate_source *s;

	(void)state;
	if (mkdtemp(dir) == NULL || chdir(dir) < 0)
		return -1;
	put("p.json", profile, sizeof(profile) - 1);
	put("m.json", mesos, sizeof(mesos) - 1);
	s = opened("p.json");
	assert_int_equal(gate_source_compile(s, NULL, &c, NULL), 0);
	put("program", c->insns, c->len * sizeof(*c->insns));
	gate_compiled_free(c);
	gate_source_free(s);
	return 0;
}

static int leave(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") < 0 ? -1 : system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_failed_allocation_is_an_error_and_nothing_else),
		cmocka_unit_test(memory_that_stays_gone_is_an_error_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
