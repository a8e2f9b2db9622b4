/* What libseccomp makes of a profile's rules, added in the order of a runtime, against our engine meaning. The library
 * works in a child under a time limit: some rule sets made released versions hang or crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <callgate/bpf.h>

#include "profile/facts.h"
#include "profile/rules.h"

struct program {
	struct gate_insn insns[1 << 16];
	size_t len;
	char pseudo[1 << 18]; /* seccomp_export_pfc(3): the library's own view of the same rules */
};

static uint32_t library_token(enum gate_arch arch)
{
	return arch == GATE_ARCH_X32 ? SCMP_ARCH_X32 : gate_arch_info(arch)->audit;
}

static int add_entry(scmp_filter_ctx ctx, const struct gate_entry *e, int nr)
{
	struct scmp_arg_cmp args[6];
	unsigned seen = 0;
	bool again = false;
	int rc = 0;

	for (size_t i = 0; i < e->n_args; i++) {
		again |= (seen >> e->args[i].index & 1) != 0;
		seen |= 1u << e->args[i].index;
		if (i < 6)
			args[i] = (struct scmp_arg_cmp){ e->args[i].index, (enum scmp_compare)e->args[i].op,
				                         e->args[i].value, e->args[i].value_two };
	}
	if (!again)
		return seccomp_rule_add_array(ctx, e->action, nr, (unsigned)e->n_args, args);
	for (size_t i = 0; i < e->n_args && rc == 0; i++) {
		struct scmp_arg_cmp one = { e->args[i].index, (enum scmp_compare)e->args[i].op, e->args[i].value,
			                    e->args[i].value_two };

		rc = seccomp_rule_add_array(ctx, e->action, nr, 1, &one);
	}
	return rc;
}

/* 0, or the library's negative answer. */
static int library_rules(scmp_filter_ctx ctx, const struct gate_profile *p, const struct gate_facts *facts)
{
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct gate_entry *e = &p->entries[i];

		if (!gate_entry_in_force(e, facts, false) || e->action == p->default_action)
			continue;
		for (size_t k = 0; k < e->n_names; k++) {
			int nr = seccomp_syscall_resolve_name(e->names[k].s), rc;

			if (nr == __NR_SCMP_ERROR)
				continue;
			rc = add_entry(ctx, e, nr);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int library_build(const struct gate_profile *p, const struct gate_facts *facts, struct program *out)
{
	scmp_filter_ctx ctx = seccomp_init(p->default_action);
	struct gate_cover cover;
	int rc = 0, fd;

	if (ctx == NULL)
		return -1;
	gate_cover_of(p, facts, &cover);
	for (size_t i = 0; i < cover.n && rc == 0; i++) {
		rc = seccomp_arch_add(ctx, library_token(cover.arches[i]));
		if (rc == -EEXIST)
			rc = 0;
	}
	if (rc == 0)
		rc = library_rules(ctx, p, facts);
	fd = memfd_create("bpf", MFD_CLOEXEC);
	if (rc == 0)
		rc = seccomp_export_bpf(ctx, fd);
	if (rc == 0) {
		ssize_t n = pread(fd, out->insns, sizeof(out->insns), 0);

		out->len = n < 0 ? 0 : (size_t)n / sizeof(out->insns[0]);
	}
	close(fd);
	fd = memfd_create("pfc", MFD_CLOEXEC);
	if (rc == 0)
		rc = seccomp_export_pfc(ctx, fd);
	if (rc == 0) {
		ssize_t n = pread(fd, out->pseudo, sizeof(out->pseudo) - 1, 0);

		out->pseudo[n < 0 ? 0 : n] = '\0';
	}
	close(fd);
	seccomp_release(ctx);
	return rc;
}

/* --- the pseudo code: nested ifs by two blanks; what decides nothing falls through to the next line --- */

struct pseudo {
	const char *at; /* the next line */
	const struct gate_data *d;
};

static unsigned indent_of(const char *line)
{
	return (unsigned)strspn(line, " ");
}

static const char *line_after(const char *line)
{
	const char *end = strchr(line, '\n');

	return end != NULL ? end + 1 : line + strlen(line);
}

static uint32_t pseudo_action(const char *s)
{
	static const struct {
		const char *word;
		uint32_t ret;
	} words[] = { { "ALLOW", GATE_RET_ALLOW }, { "LOG", GATE_RET_LOG }, { "KILL_PROCESS", GATE_RET_KILL_PROCESS },
		      { "KILL", GATE_RET_KILL_THREAD }, { "TRAP", GATE_RET_TRAP } };

	if (strncmp(s, "ERRNO(", 6) == 0)
		return GATE_RET_ERRNO | (uint32_t)strtoul(s + 6, NULL, 10);
	if (strncmp(s, "TRACE(", 6) == 0)
		return GATE_RET_TRACE | (uint32_t)strtoul(s + 6, NULL, 10);
	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strncmp(s, words[i].word, strlen(words[i].word)) == 0)
			return words[i].ret;
	fail_msg("unknown action in pseudo code: %.40s", s);
	return 0;
}

/* "if ($a2.hi32 & 0x00000001 == 1)" */
static bool pseudo_holds(const char *s, const struct gate_data *d)
{
	uint32_t left, mask = UINT32_MAX, right;
	char *end;

	s += strlen("if ($");
	if (strncmp(s, "syscall", 7) == 0) {
		left = d->nr;
		s += 7;
	} else {
		uint64_t arg = d->args[s[1] - '0'];

		s += 2;
		left = strncmp(s, ".hi32", 5) == 0 ? (uint32_t)(arg >> 32) : (uint32_t)arg;
		s += *s == '.' ? 5 : 0;
	}
	if (s[1] == '&') {
		mask = (uint32_t)strtoul(s + 3, &end, 16);
		s = end;
	}
	s++;
	const char *op = s;
	s += strcspn(s, " ");
	right = (uint32_t)strtoul(s, NULL, 10);
	left &= mask;
	return op[0] == '=' ? left == right : op[1] == '=' ? left >= right : left > right;
}

static bool pseudo_block(struct pseudo *p, unsigned indent, bool live, uint32_t *ret)
{
	bool last = false;

	while (*p->at != '\0' && indent_of(p->at) >= indent) {
		const char *line = p->at + indent;
		bool known = false;

		p->at = line_after(p->at);
		if (*line == '#')
			continue;
		if (strncmp(line, "action ", 7) == 0 && live) {
			*ret = pseudo_action(line + 7);
			return true;
		}
		if (strncmp(line, "if", 2) == 0)
			known = last = live && pseudo_holds(line, p->d);
		else if (strncmp(line, "else", 4) == 0)
			known = live && !last;
		if (pseudo_block(p, indent + 2, known, ret))
			return true;
	}
	return false;
}

static uint32_t pseudo_decides(const struct program *prog, const struct gate_data *d)
{
	char head[64];
	const struct gate_arch_info *info = gate_arch_info(gate_arch_of(d->arch, d->nr));
	struct pseudo p = { NULL, d };
	uint32_t ret = GATE_RET_KILL_THREAD;

	snprintf(head, sizeof(head), "# filter for arch %s (", info == NULL ? "" : info->name);
	p.at = strstr(prog->pseudo, head);
	if (p.at == NULL)
		return ret;
	p.at = line_after(line_after(p.at)); /* the heading and the test of the architecture */
	pseudo_block(&p, 2, true, &ret);
	return ret;
}

/* --- comparing --- */

struct tally {
	long calls, differ;
	long by_pseudo; /* agreement with the library's pseudo code only */
};

/* Names that only the newer of the two tables has are no disagreement. */
static bool both_know(const struct gate_data *d)
{
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	bool ours = arch != GATE_ARCH_NONE && gate_syscall_by_nr(arch, d->nr) != NULL, theirs;
	char *name = arch == GATE_ARCH_NONE ? NULL : seccomp_syscall_resolve_num_arch(library_token(arch), (int)d->nr);

	theirs = name != NULL;
	free(name);
	return ours == theirs;
}

static void compare(const char *what, const struct gate_rules *r, const struct program *prog, const struct gate_data *d,
                    struct tally *t)
{
	const struct gate_case *c = gate_rules_find(r, d, NULL);
	uint32_t theirs;

	if (c->why == GATE_WHY_ENOSYS || !both_know(d))
		return; /* runc's own stub in front of the library's program */
	theirs = gate_ret_normal(gate_bpf_run(prog->insns, prog->len, false, d, NULL, NULL, NULL));
	t->calls++;
	if (theirs == gate_ret_normal(c->action))
		return;
	if (gate_ret_normal(pseudo_decides(prog, d)) == gate_ret_normal(c->action)) {
		t->by_pseudo++;
		return;
	}
	if (t->differ++ < 3)
		printf("%s: arch %#x nr %u (%#llx, %#llx, %#llx): libseccomp %#x, callgate %#x\n", what, d->arch, d->nr,
		       (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2],
		       theirs, c->action);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t sample(const struct gate_span *s, unsigned arg, uint64_t *seed)
{
	uint64_t v = 0;

	for (int tries = 0; tries < 8; tries++) {
		const struct gate_case *c = &s->cases[next(seed) % s->n_cases];

		if (c->n_conds == 0)
			continue;
		const struct gate_cond *k = &c->conds[next(seed) % c->n_conds];

		if (k->arg != arg)
			continue;
		v = k->value + next(seed) % 3 - 1;
		return next(seed) % 4 == 0 ? v ^ UINT64_C(1) << 32 : v;
	}
	return next(seed) % 3;
}

static void compare_span(const char *what, const struct gate_rules *r, const struct program *prog, uint32_t audit,
                         const struct gate_span *s, struct tally *t, uint64_t *seed)
{
	struct gate_data d = { .nr = s->lo, .arch = audit };
	int more = s->n_cases > 1 ? 120 : 0;

	compare(what, r, prog, &d, t);
	d.nr = s->hi;
	compare(what, r, prog, &d, t);
	d.nr = s->lo;
	for (int i = 0; i < more; i++) {
		for (unsigned a = 0; a < 6; a++)
			d.args[a] = sample(s, a, seed);
		compare(what, r, prog, &d, t);
	}
}

static void compare_all(const char *what, const struct gate_rules *r, const struct program *prog, struct tally *t)
{
	uint64_t seed = 42;
	struct gate_data foreign = { .nr = 1, .arch = 0xdeadbeef };

	compare(what, r, prog, &foreign, t);
	for (size_t i = 0; i < r->n_tokens; i++)
		for (size_t k = 0; k < r->tokens[i].n_spans; k++)
			compare_span(what, r, prog, r->tokens[i].audit, &r->tokens[i].spans[k], t, &seed);
}

/* All in one filter: one byte order is the library's condition. */
static const enum gate_arch little[] = { GATE_ARCH_X86, GATE_ARCH_X32, GATE_ARCH_ARM, GATE_ARCH_AARCH64, GATE_ARCH_MIPSEL,
	                                 GATE_ARCH_MIPSEL64, GATE_ARCH_MIPSEL64N32, GATE_ARCH_PPC64LE,
	                                 GATE_ARCH_RISCV64 };

/* Child: 0 agreement, 1 disagreement, 2 one side refused alone, 3 both refused or not readable. */
static int judge(const char *what, const char *text, size_t len, enum gate_engine engine, bool foreign)
{
	static struct program prog;
	struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .caps = gate_caps_docker, .kernel = { 6, 1 } };
	GATE_AUTO(gate_profile_freep) struct gate_profile *p = NULL;
	GATE_AUTO(gate_rules_freep) struct gate_rules *r = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct tally t = { 0, 0, 0 };
	int ours, theirs;

	if (gate_profile_read(what, text, len, engine, NULL, &p, &err) < 0)
		return 3;
	if (foreign) {
		facts.n_arches = GATE_ARRAY_LEN(little);
		memcpy(facts.arches, little, sizeof(little));
	}
	ours = gate_profile_resolve(p, &facts, NULL, &r, &err);
	theirs = library_build(p, &facts, &prog);
	if (ours < 0 && theirs < 0)
		return 3;
	if (ours < 0 || theirs < 0) {
		printf("%s: callgate %s, libseccomp %s\n", what, ours < 0 ? err.text : "accepts",
		       theirs < 0 ? strerror(-theirs) : "accepts");
		return 2;
	}
	compare_all(what, r, &prog, &t);
	return t.differ != 0 ? 1 : t.by_pseudo != 0 ? 6 : 0;
}

/* 4: it hung; 5: it crashed; 6: we agree with its pseudo code. */
static int in_child(const char *what, const char *text, size_t len, enum gate_engine engine, bool foreign)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int rc;

		alarm(5);
		rc = judge(what, text, len, engine, foreign);
		fflush(NULL);
		_exit(rc);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? 4 : 5;
	return WEXITSTATUS(status);
}

/* --- real files --- */

static char *slurp(const char *path, size_t *len)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	*len = fread(text, 1, sizeof(text), f);
	fclose(f);
	return text;
}

static void real_profiles_mean_what_libseccomp_makes_of_them(void **state)
{
	static const enum gate_engine engines[] = { GATE_ENGINE_DOCKER, GATE_ENGINE_PODMAN, GATE_ENGINE_CONTAINERD,
		                                    GATE_ENGINE_CRIO, GATE_ENGINE_CRUN, GATE_ENGINE_MESOS };
	const char *root = getenv("CALLGATE_SHARED");
	char dir[4096], path[8192], what[512];
	long count[7] = { 0 };
	DIR *d;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/profiles", root != NULL ? root : DEFAULT_SHARED);
	d = opendir(dir);
	if (d == NULL) {
		print_message("skipped: no profiles in %s\n", dir);
		skip();
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		size_t n = strlen(e->d_name), len;

		if (n < 5 || strcmp(e->d_name + n - 5, ".json") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		char *text = slurp(path, &len);
		for (size_t i = 0; i < GATE_ARRAY_LEN(engines); i++) {
			snprintf(what, sizeof(what), "%s:%s", gate_engine_name(engines[i]), e->d_name);
			count[in_child(what, text, len, engines[i], false)]++;
		}
		snprintf(what, sizeof(what), "crun, nine more ABIs:%s", e->d_name);
		count[in_child(what, text, len, GATE_ENGINE_CRUN, true)]++;
	}
	closedir(d);
	print_message("agree %ld, differ %ld, one refuses %ld, both refuse %ld, hang %ld, crash %ld, by pseudo code %ld\n", count[0],
	              count[1], count[2], count[3], count[4], count[5], count[6]);
	assert_true(count[0] > 200);
	assert_int_equal(count[1] + count[2] + count[5], 0);
}

/* --- random rules on few calls --- */

static const uint64_t values[] = { 0, 1, 2, 5, 0x7fffffff, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000005, 0x500000001,
	                           0xffffffff00000000, 0xffffffffffffffff };
static const char *const operators[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };

static size_t random_profile(uint64_t *seed, char *text, size_t size)
{
	static const char *const actions[] = { "\"SCMP_ACT_ALLOW\"", "\"SCMP_ACT_ERRNO\", \"errnoRet\": 7",
		                               "\"SCMP_ACT_ERRNO\", \"errnoRet\": 9", "\"SCMP_ACT_TRAP\"",
		                               "\"SCMP_ACT_KILL\"" };
	static const char *const calls[] = { "read", "mmap", "socket", "semop", "clone" };
	size_t rules = 1 + next(seed) % 4, one = next(seed) % 2;
	size_t len = (size_t)snprintf(text, size, "{ \"defaultAction\": \"SCMP_ACT_%s\", \"architectures\": "
	                              "[\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"%s], \"syscalls\": [",
	                              next(seed) % 2 ? "LOG" : "KILL", next(seed) % 2 ? ", \"SCMP_ARCH_X32\"" : "");

	for (size_t i = 0; i < rules; i++) {
		size_t args = next(seed) % 4 == 0 ? 0 : 1 + next(seed) % 3;
		unsigned index = (unsigned)(next(seed) % 2);

		len += (size_t)snprintf(text + len, size - len, "%s{\"names\": [\"%s\"], \"action\": %s, \"args\": [",
		                        i ? ", " : "", calls[one ? 0 : next(seed) % 5], actions[next(seed) % 5]);
		for (size_t k = 0; k < args; k++, index++)
			len += (size_t)snprintf(text + len, size - len,
			                        "%s{\"index\": %u, \"value\": %llu, \"valueTwo\": %llu, \"op\": \"SCMP_CMP_%s\"}",
			                        k ? ", " : "", index % 6,
			                        (unsigned long long)values[next(seed) % GATE_ARRAY_LEN(values)],
			                        (unsigned long long)values[next(seed) % GATE_ARRAY_LEN(values)],
			                        operators[next(seed) % 7]);
		len += (size_t)snprintf(text + len, size - len, "]}");
	}
	return len + (size_t)snprintf(text + len, size - len, "]}");
}

static void random_rules_mean_what_libseccomp_makes_of_them(void **state)
{
	long count[7] = { 0 };
	uint64_t seed = 20240501;
	static char text[1 << 16];
	const char *times = getenv("CALLGATE_PARTNER_ROUNDS");
	long rounds = times != NULL ? atol(times) : 1000;

	(void)state;
	for (long i = 0; i < rounds; i++) {
		size_t len = random_profile(&seed, text, sizeof(text));
		int rc = in_child("random", text, len, GATE_ENGINE_CRUN, false);

		count[rc]++;
		if ((rc == 1 || rc == 2) && count[1] + count[2] <= 12)
			print_message("%s\n", text);
	}
	print_message("agree %ld, differ %ld, one refuses %ld, both refuse %ld, hang %ld, crash %ld, by pseudo code %ld\n", count[0],
	              count[1], count[2], count[3], count[4], count[5], count[6]);
	assert_int_equal(count[2], 0);
	assert_true(count[1] * 1000 <= rounds); /* rules of the kinds triaged above are rare */
	assert_true(count[0] * 4 > rounds * 3);
}

/* --- disagreements, triaged: what libseccomp 2.5.4 answers, what we answer, who is right --- */

static const struct {
	const char *why, *profile;
	struct gate_data call;
	uint32_t theirs, ours;
} triaged[] = {
	{ "the library takes the second rule for redundant, because a node of the first tests the same word, and drops it",
	  "{\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\": ["
	  "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 7, \"args\": ["
	  "{\"index\": 1, \"value\": 5, \"op\": \"SCMP_CMP_NE\"}]},"
	  "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
	  "{\"index\": 0, \"value\": 4294967295, \"op\": \"SCMP_CMP_LE\"},"
	  "{\"index\": 1, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"}]}]}",
	  { .nr = 3, .arch = 0x40000003, .args = { 1, 5 } }, GATE_RET_LOG, GATE_RET_ALLOW },
	{ "two NE on one argument: 2.5.4 keeps the first verdict for a high word that differs, 2.6.1 the tighter one's (5404f5c)",
	  "{\"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": ["
	  "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
	  "{\"index\": 0, \"value\": 4294967294, \"op\": \"SCMP_CMP_NE\"}]},"
	  "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 9, \"args\": ["
	  "{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_NE\"}]}]}",
	  { .nr = 0, .arch = 0xc000003e, .args = { UINT64_C(0x100000000) } }, GATE_RET_ALLOW, GATE_RET_ERRNO | 9 },
};

static void every_disagreement_is_known(void **state)
{
	static struct program prog;
	const struct scmp_version *v = seccomp_version();

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(triaged); i++) {
		struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .caps = 0, .kernel = { 6, 1 } };
		GATE_AUTO(gate_profile_freep) struct gate_profile *p = NULL;
		GATE_AUTO(gate_rules_freep) struct gate_rules *r = NULL;
		const char *text = triaged[i].profile;
		uint32_t theirs;

		assert_int_equal(gate_profile_read("t", text, strlen(text), GATE_ENGINE_CRUN, NULL, &p, NULL), 0);
		assert_int_equal(gate_profile_resolve(p, &facts, NULL, &r, NULL), 0);
		assert_int_equal(library_build(p, &facts, &prog), 0);
		assert_int_equal(gate_rules_find(r, &triaged[i].call, NULL)->action, triaged[i].ours);
		theirs = gate_bpf_run(prog.insns, prog.len, false, &triaged[i].call, NULL, NULL, NULL);
		if (theirs != triaged[i].theirs && theirs != triaged[i].ours)
			fail_msg("%s: libseccomp %u.%u.%u says %#x", triaged[i].why, v->major, v->minor, v->micro, theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_profiles_mean_what_libseccomp_makes_of_them),
		cmocka_unit_test(every_disagreement_is_known),
		cmocka_unit_test(random_rules_mean_what_libseccomp_makes_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
