/* Every real profile of the shared collection, natively, on every ABI that it lists: the evaluator, the resolved rules
 * and the diagram agree on all numbers and on the boundaries of every condition. */
#include "common.h"

#include <dirent.h>

static int agree(const struct gate_profile *p, const struct gate_facts *f, const struct gate_rules *r,
                 const struct gate_space *space, gate_policy policy, const struct gate_data *d)
{
	uint32_t slow = 0, fast = gate_rules_find(r, d, NULL)->action;
	struct gate_err err = GATE_ERR_INIT;

	assert_int_equal(gate_profile_eval(p, f, d, &slow, &err), 0);
	if (slow == fast && fast == gate_policy_decide(space, policy, d))
		return 1;
	fail_msg("%s: arch %#x nr %u (%#llx, %#llx, %#llx): evaluator %#x, rules %#x, diagram %#x", p->file, d->arch, d->nr,
	         (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2], slow, fast,
	         gate_policy_decide(space, policy, d));
	return 0;
}

/* Around every value that the span's conditions compare with. */
static long boundaries(const struct gate_profile *p, const struct gate_facts *f, const struct gate_rules *r,
                       const struct gate_space *space, gate_policy policy, struct gate_data *d,
                       const struct gate_span *s)
{
	long n = 0;

	for (uint32_t c = 0; c < s->n_cases; c++) {
		for (uint32_t i = 0; i < s->cases[c].n_conds; i++) {
			const struct gate_cond *k = &s->cases[c].conds[i];

			for (int delta = -1; delta <= 1; delta++) {
				d->args[k->arg] = k->value + (uint64_t)delta;
				n += agree(p, f, r, space, policy, d);
				d->args[k->arg] ^= UINT64_C(1) << 32;
				n += agree(p, f, r, space, policy, d);
			}
			d->args[k->arg] = k->value;
		}
	}
	memset(d->args, 0, sizeof(d->args));
	return n;
}

static long check_profile(const struct gate_profile *p, const struct gate_facts *f)
{
	struct gate_rules *r = resolved(p, f);
	struct gate_space *space = NULL;
	struct gate_err err = GATE_ERR_INIT;
	gate_policy policy = 0;
	long n = 0;

	assert_int_equal(gate_space_new(NULL, &space, &err), 0);
	if (gate_rules_policy(r, space, &policy, &err) < 0)
		fail_msg("%s: %s", p->file, err.text);
	for (size_t t = 0; t < r->n_tokens; t++) {
		for (size_t i = 0; i < r->tokens[t].n_spans; i++) {
			const struct gate_span *s = &r->tokens[t].spans[i];
			struct gate_data d = { .nr = s->lo, .arch = r->tokens[t].audit };

			n += agree(p, f, r, space, policy, &d);
			d.nr = s->hi;
			n += agree(p, f, r, space, policy, &d);
			n += boundaries(p, f, r, space, policy, &d, s);
		}
	}
	struct gate_data foreign = { .nr = 1, .arch = 0xdeadbeef };
	n += agree(p, f, r, space, policy, &foreign);
	gate_space_free(space);
	gate_rules_free(r);
	return n;
}

static void real_profiles_mean_the_same_in_three_ways(void **state)
{
	const char *root = getenv("CALLGATE_SHARED");
	char dir[4096], path[8192];
	DIR *d;
	long checked = 0, files = 0, refused = 0;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/profiles", root != NULL ? root : DEFAULT_SHARED);
	d = opendir(dir);
	if (d == NULL) {
		print_message("skipped: no profiles in %s\n", dir);
		skip();
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		size_t len = strlen(e->d_name), size = 0;
		struct gate_profile *p = NULL;
		struct gate_err err = GATE_ERR_INIT;

		if (len < 5 || strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		char *text = slurp(path, &size);
		assert_non_null(text);
		files++;
		if (gate_profile_read(e->d_name, text, size, GATE_ENGINE_NATIVE, NULL, &p, &err) < 0) {
			print_message("refused: %s:%u:%u: %s\n", e->d_name, err.line, err.column, err.text);
			refused++;
		} else {
			struct gate_facts f = host();

			checked += check_profile(p, &f);
			f.caps = GATE_CAPS_ALL;
			f.arch = GATE_ARCH_AARCH64;
			checked += check_profile(p, &f);
			f.arch = GATE_ARCH_S390X;
			checked += check_profile(p, &f);
			gate_profile_free(p);
		}
		free(text);
	}
	closedir(d);
	print_message("%ld files, %ld refused, %ld calls compared\n", files, refused, checked);
	assert_true(files - refused >= 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_profiles_mean_the_same_in_three_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
