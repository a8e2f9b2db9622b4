/* Evaluator, decision lists, diagram, program and proof agree: on random profiles, on the project's own, and on real
 * ones (CALLGATE_SHARED, default ../shared beside the source). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compile/compile.h"
#include "generate.h"
#include "profile/rules.h"
#include "real.h"

static const uint32_t audits[] = { 0xc000003e, 0x40000003, 0xc00000b7, 0x80000016, 0x00000008 };

static void disagree(const char *text, const struct gate_data *d, const char *what, uint32_t want, uint32_t got)
{
	fail_msg("%s: %#x instead of %#x for arch %#x nr %u (%#llx, %#llx, %#llx, …) under\n%s", what, got, want, d->arch, d->nr,
	         (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2], text);
}

struct made {
	struct gate_profile *profile;
	struct gate_rules *rules;
	struct gate_program program;
	struct gate_space *space;
	gate_policy policy;
	struct gate_facts facts;
};

static void drop(struct made *m)
{
	gate_program_done(&m->program);
	gate_space_free(m->space);
	gate_rules_free(m->rules);
	gate_profile_free(m->profile);
}

/* Text to proven program; false when the profile was refused (then *err says why). */
static bool make(const char *text, size_t len, const struct gate_facts *facts, struct made *m, struct gate_err *err)
{
	*m = (struct made){ .facts = *facts };
	if (gate_profile_read("random", text, len, GATE_ENGINE_NATIVE, NULL, &m->profile, err) < 0 ||
	    gate_profile_resolve(m->profile, facts, NULL, &m->rules, err) < 0)
		return false;
	if (gate_space_new(NULL, &m->space, err) < 0 || gate_rules_policy(m->rules, m->space, &m->policy, err) < 0 ||
	    gate_compile_rules(m->rules, &m->program, err) < 0)
		fail_msg("%s for\n%s", err->text, text);
	if (gate_compile_prove(m->space, m->policy, m->program.insns, m->program.len,
	                       gate_arch_info(facts->arch)->big_endian, NULL, err) < 0)
		fail_msg("not proven: %s for\n%s", err->text, text);
	return true;
}

static void agree_on(const struct made *m, const char *text, const struct gate_data *d)
{
	uint32_t want = 0, got;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_profile_eval(m->profile, &m->facts, d, &want, &err) < 0)
		fail_msg("evaluator: %s for\n%s", err.text, text);
	got = gate_rules_find(m->rules, d, NULL)->action;
	if (got != want)
		disagree(text, d, "rules", want, got);
	got = gate_policy_decide(m->space, m->policy, d);
	if (got != want)
		disagree(text, d, "diagram", want, got);
	got = gate_ret_normal(gate_bpf_run(m->program.insns, m->program.len, gate_arch_info(m->facts.arch)->big_endian, d, NULL,
	                                   NULL, NULL));
	if (got != want)
		disagree(text, d, "program", want, got);
}

static struct gate_facts facts_of(struct test_random *r)
{
	static const uint64_t caps[] = { 0, GATE_CAPS_ALL, 1 };
	static const enum gate_arch arches[] = { GATE_ARCH_X86_64, GATE_ARCH_X86_64, GATE_ARCH_X86_64, GATE_ARCH_X86, GATE_ARCH_AARCH64,
		                                 GATE_ARCH_S390X };

	return (struct gate_facts){ .arch = arches[test_below(r, 6)], .caps = test_below(r, 2) != 0 ? gate_caps_docker : caps[test_below(r, 3)],
		                    .kernel = { (uint16_t)(4 + test_below(r, 4)), (uint16_t)test_below(r, 19) } };
}

static void random_profiles_mean_one_thing(void **state)
{
	struct test_random r = test_random_start(21);
	unsigned count = 20000, taken = 0;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct gate_buf text = GATE_BUF_INIT;
		struct gate_facts facts = facts_of(&r);
		struct gate_err err = GATE_ERR_INIT;
		struct made m;

		test_profile(&r, &text);
		if (make(text.data, text.len, &facts, &m, &err)) {
			taken++;
			for (int k = 0; k < 30; k++) {
				struct gate_data d = test_data(&r, audits, GATE_ARRAY_LEN(audits));

				agree_on(&m, text.data, &d);
			}
		} else if (err.code != GATE_E_INVALID && err.code != GATE_E_UNSUPPORTED) {
			fail_msg("%s for\n%s", err.text, text.data);
		}
		drop(&m);
		gate_buf_done(&text);
	}
	printf("# %u random profiles, %u accepted, 30 calls each\n", count, taken);
	assert_true(taken > count * 9 / 10);
}

/* All numbers of all tables and around the edges, with arguments at the boundaries of the file's own constants. */
static void sweep(const struct made *m, const char *text, struct test_random *r)
{
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++) {
		uint32_t audit = gate_arch_info((enum gate_arch)a)->audit;

		for (size_t i = 0; i < gate_syscall_count((enum gate_arch)a); i++) {
			const struct gate_syscall *sc = gate_syscall_at((enum gate_arch)a, i);
			bool covered = gate_rules_find(m->rules, &(struct gate_data){ .arch = audit, .nr = sc->nr }, NULL)->why != GATE_WHY_UNCOVERED;

			for (int k = 0; k < (covered ? 4 : 1); k++) {
				struct gate_data d = test_data(r, audits, GATE_ARRAY_LEN(audits));

				d.arch = audit;
				d.nr = sc->nr;
				if (m->profile->n_entries > 0 && test_below(r, 2) != 0) {
					const struct gate_entry *e = &m->profile->entries[test_below(r, (uint32_t)m->profile->n_entries)];

					for (size_t x = 0; x < e->n_args; x++)
						d.args[e->args[x].index % 6] = e->args[x].value + test_below(r, 3) - 1;
				}
				agree_on(m, text, &d);
			}
		}
	}
	for (int k = 0; k < 500; k++) {
		struct gate_data d = test_data(r, audits, GATE_ARRAY_LEN(audits));

		agree_on(m, text, &d);
	}
}

struct real {
	struct test_random r;
	int first; /* of the architectures: every other one, so that two tests can run beside each other */
	unsigned refused, made;
};

/* As a host of each architecture that has tables: whatever the file lists for it is covered. */
static void hold_real(void *ctx, const char *name, const char *text, size_t len)
{
	struct real *real = ctx;

	for (int a = real->first; a < GATE_ARCH_MAX; a += 2) {
		struct gate_facts facts = { .arch = (enum gate_arch)a, .caps = gate_caps_docker, .kernel = { 6, 18 } };
		struct gate_err err = GATE_ERR_INIT;
		struct made m;

		if (make(text, len, &facts, &m, &err)) {
			sweep(&m, name, &real->r);
			real->made++;
		} else if (a == real->first) {
			real->refused++;
			printf("# refused: %s:%u:%u: %s\n", name, err.line, err.column, err.text);
		}
		drop(&m);
	}
}

static void hold_all_real(int first)
{
	struct real real = { .r = test_random_start(22), .first = first };
	int files = test_each_real(hold_real, &real);

	if (files < 0)
		skip();
	printf("# %d files, %u refused, %u proven programs\n", files, real.refused, real.made);
	assert_true(files >= 70);
	assert_true(real.refused <= 10);
	assert_true(real.made > 700);
}

static void real_profiles_mean_one_thing_on_every_other_architecture(void **state)
{
	(void)state;
	hold_all_real(GATE_ARCH_X86);
}

static void real_profiles_mean_one_thing_on_the_architectures_between(void **state)
{
	(void)state;
	hold_all_real(GATE_ARCH_X86_64);
}

/* One argument chooses the part, so that they run beside each other; without it all run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_profiles_mean_one_thing),
		cmocka_unit_test(real_profiles_mean_one_thing_on_every_other_architecture),
		cmocka_unit_test(real_profiles_mean_one_thing_on_the_architectures_between),
	};
	const struct CMUnitTest random[] = { tests[0] }, even[] = { tests[1] }, odd[] = { tests[2] };
	const char *part = argc > 1 ? argv[1] : "";

	return strcmp(part, "random") == 0 ? cmocka_run_group_tests(random, NULL, NULL)
	       : strcmp(part, "even") == 0 ? cmocka_run_group_tests(even, NULL, NULL)
	       : strcmp(part, "odd") == 0  ? cmocka_run_group_tests(odd, NULL, NULL)
	                                   : cmocka_run_group_tests(tests, NULL, NULL);
}
