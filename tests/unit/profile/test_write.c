/* Written profiles mean what they were written from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

#include "profile/rules.h"
#include "../../agree/generate.h"

static const struct gate_facts host = { .arch = GATE_ARCH_X86_64, .arches = { GATE_ARCH_X86_64 }, .n_arches = 1, .kernel = { 6, 18 }, .caps = 0xa80425fb };

static bool policy_of(struct gate_space *s, const char *text, size_t len, enum gate_engine engine, gate_policy *ret,
                      struct gate_err *err)
{
	struct gate_profile *p = NULL;
	struct gate_rules *rules = NULL;
	bool ok = gate_profile_read("t", text, len, engine, NULL, &p, err) == 0 &&
		  gate_profile_resolve(p, &host, NULL, &rules, err) == 0 && gate_rules_policy(rules, s, ret, err) == 0;

	gate_rules_free(rules);
	gate_profile_free(p);
	return ok;
}

/* Writes natively and reads again: equal but for uncovered deaths, which natively are the same. */
static void random_policies_survive_our_own_dialect(void **state)
{
	struct test_random r = test_random_start(41);
	unsigned written = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct gate_buf text = GATE_BUF_INIT;
		struct gate_space *s = NULL;
		struct gate_err err = GATE_ERR_INIT;
		gate_policy p = 0, q = 0;
		char *again = NULL;

		test_profile(&r, &text);
		assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
		if (policy_of(s, text.data, text.len, GATE_ENGINE_NATIVE, &p, &err)) {
			err = (struct gate_err)GATE_ERR_INIT;
			if (gate_profile_write(s, p, &host, GATE_DIALECT_NATIVE, 0, &again, &err) == 0) {
				written++;
				assert_true(policy_of(s, again, strlen(again), GATE_ENGINE_NATIVE, &q, &err));
				assert_int_equal(p, q);
			} else {
				assert_true(err.code == GATE_E_UNSUPPORTED || err.code == GATE_E_LIMIT);
				refused++;
			}
		}
		free(again);
		gate_space_free(s);
		gate_buf_done(&text);
	}
	printf("# %u written, %u that no file can say\n", written, refused);
	assert_true(written > 150);
}

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_non_null(text);
	*len = fread(text, 1, (1 << 20) - 1, f);
	(void)fclose(f);
	return text;
}

static void the_default_can_be_written_for_every_engine(void **state)
{
	size_t len = 0;
	char *text = slurp(GATE_TEST_DEFAULT, &len);

	(void)state;
	for (int d = GATE_DIALECT_DOCKER; d < GATE_DIALECT_MAX; d++) {
		struct gate_space *s = NULL;
		struct gate_err err = GATE_ERR_INIT;
		gate_policy p = 0;
		char *again = NULL;

		assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
		assert_true(policy_of(s, text, len, GATE_ENGINE_NATIVE, &p, &err));
		if (gate_profile_write(s, p, &host, (enum gate_dialect)d, 0, &again, &err) < 0)
			fail_msg("dialect %d: %s", d, err.text);
		assert_non_null(strstr(again, "\"SCMP_ARCH_X86_64\""));
		free(again);
		gate_space_free(s);
	}
	free(text);
}

static void real_profiles_survive_being_written(void **state)
{
	static const char *const words[] = { "", "docker", "oci", "podman", "callgate" };
	const char *shared = getenv("CALLGATE_SHARED");
	struct gate_facts facts = host;
	unsigned files = 0, written[GATE_DIALECT_MAX] = { 0 };
	char dir[2048], path[4096];
	struct dirent *e;
	DIR *d;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/profiles", shared != NULL ? shared : DEFAULT_SHARED);
	d = opendir(dir);
	if (d == NULL) {
		printf("# skipped: no real profiles at %s\n", dir);
		skip();
	}
	facts.n_arches = 0;
	while ((e = readdir(d)) != NULL) {
		struct gate_space *s = NULL;
		struct gate_profile *p = NULL;
		struct gate_rules *rules = NULL;
		size_t len = 0;
		gate_policy policy = 0;

		if (strlen(e->d_name) < 5 || strcmp(e->d_name + strlen(e->d_name) - 5, ".json") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		char *text = slurp(path, &len);
		assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
		if (gate_profile_read("t", text, len, GATE_ENGINE_NATIVE, NULL, &p, NULL) == 0 &&
		    gate_profile_resolve(p, &facts, NULL, &rules, NULL) == 0) {
			assert_int_equal(gate_rules_policy(rules, s, &policy, NULL), 0);
			files++;
			for (int k = GATE_DIALECT_DOCKER; k < GATE_DIALECT_MAX; k++) {
				struct gate_err err = GATE_ERR_INIT;
				char *again = NULL;

				if (gate_profile_write(s, policy, &facts, (enum gate_dialect)k, 0, &again, &err) == 0)
					written[k]++;
				else
					printf("# %s as %s: %s\n", e->d_name, words[k], err.text);
				free(again);
			}
		}
		gate_rules_free(rules);
		gate_profile_free(p);
		gate_space_free(s);
		free(text);
	}
	(void)closedir(d);
	printf("# of %u files: docker %u, oci %u, podman %u, callgate %u\n", files, written[1], written[2], written[3], written[4]);
	assert_true(files >= 70);
	for (int k = GATE_DIALECT_DOCKER; k < GATE_DIALECT_MAX; k++)
		assert_true(written[k] >= files - 8);
}

static void what_a_dialect_cannot_say_is_refused_with_a_call(void **state)
{
	struct gate_space *s = NULL;
	struct gate_err err = GATE_ERR_INIT;
	gate_policy allow = 0, deny = 0, at = 0, p = 0;
	char *text = NULL;

	(void)state;
	/* read allowed from some places in the program only: no file has a word for that */
	assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
	assert_int_equal(gate_policy_const(s, GATE_RET_ALLOW, &allow, NULL), 0);
	assert_int_equal(gate_policy_const(s, GATE_RET_ERRNO | 1, &deny, NULL), 0);
	assert_int_equal(gate_policy_between(s, GATE_WORD_IP_LO, 0, 0xfff, &at, NULL), 0);
	assert_int_equal(gate_policy_ite(s, at, allow, deny, &p, NULL), 0);
	assert_int_equal(gate_profile_write(s, p, &host, GATE_DIALECT_DOCKER, 0, &text, &err), -1);
	assert_int_equal(err.code, GATE_E_UNSUPPORTED);
	assert_null(text);
	gate_space_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_survive_our_own_dialect),
		cmocka_unit_test(the_default_can_be_written_for_every_engine),
		cmocka_unit_test(real_profiles_survive_being_written),
		cmocka_unit_test(what_a_dialect_cannot_say_is_refused_with_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
