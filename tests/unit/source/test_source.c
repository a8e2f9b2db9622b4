#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/buf.h"
#include "source/source.h"

static const struct gate_facts host = { .arch = GATE_ARCH_X86_64, .kernel = { 6, 18 }, .caps = 0xa80425fb };

static char dir[] = "/tmp/callgate-source-XXXXXX";

static int enter(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) < 0 ? -1 : 0;
}

static int leave(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") < 0 ? -1 : system(command);
}

static void put(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct gate_source *open_text(const char *word, const char *text)
{
	struct gate_source *s = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (text != NULL)
		put(word, text, strlen(text));
	if (gate_source_open(word, &host, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void calls_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		enum gate_arch arch;
		uint32_t nr;
		uint8_t given;
		uint64_t arg0, arg2;
	} rows[] = {
		{ "mkdir", GATE_ARCH_X86_64, 83, 0, 0, 0 },
		{ "socket(40)", GATE_ARCH_X86_64, 41, 1, 40, 0 },
		{ "clone(0x10000000)", GATE_ARCH_X86_64, 56, 1, 0x10000000, 0 },
		{ "openat(_, _, 0x41)", GATE_ARCH_X86_64, 257, 4, 0, 0x41 },
		{ "x86:socketcall(1)", GATE_ARCH_X86, 102, 1, 1, 0 },
		{ "165", GATE_ARCH_X86_64, 165, 0, 0, 0 },
		{ "0xa5 ( -1 ,_, 3 )", GATE_ARCH_X86_64, 165, 5, UINT64_MAX, 3 },
		{ "x32:read", GATE_ARCH_X32, 0x40000000, 0, 0, 0 },
		{ "exit()", GATE_ARCH_X86_64, 60, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_call c = { 0 };
		struct gate_err err = GATE_ERR_INIT;

		if (gate_call_parse(rows[i].text, GATE_ARCH_X86_64, &c, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_int_equal(c.arch, rows[i].arch);
		assert_int_equal(c.nr, rows[i].nr);
		assert_int_equal(c.given, rows[i].given);
		assert_true(c.args[0] == rows[i].arg0 && c.args[2] == rows[i].arg2);
	}
}

static void what_is_no_call_is_refused_with_the_cause(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "'': a call is a name or a number, like mkdir, socket(40), 165 or x86:socketcall(1)" },
		{ "mkdri", "no system call is named 'mkdri' (did you mean 'mkdir'?)" },
		{ "zzzzzz", "no system call is named 'zzzzzz'" },
		{ "socketcall", "x86_64 has no system call 'socketcall' (x86 has: write x86:socketcall)" },
		{ "x87:read", "no architecture is named 'x87' (did you mean 'x86'?)" },
		{ "read(1", "'read(1': the closing ) is missing" },
		{ "read(1 2)", "'read(1 2)': a comma or ) is missing" },
		{ "read(x)", "'read(x)': an argument is a number (10, 0x1f, -1) or _ for any value" },
		{ "read(1,2,3,4,5,6,7)", "'read(1,2,3,4,5,6,7)': a system call has at most 6 arguments" },
		{ "read) ", "'read) ': there is something behind the call" },
		{ "4294967296", "'4294967296': a call's number is one of 0 … 4294967295, decimal or 0x…" },
		{ "read(18446744073709551616)", "'read(18446744073709551616)': an argument is a number (10, 0x1f, -1) or _ for any value" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_call c = { .nr = 777 };
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_call_parse(rows[i].text, GATE_ARCH_X86_64, &c, &err), -1);
		assert_string_equal(err.text, rows[i].says);
		assert_int_equal(c.nr, 777);
	}
}

static void calls_are_written_as_they_are_read(void **state)
{
	struct gate_data d = { .arch = 0xc000003e, .nr = 257, .args = { 0, 0, 0x41 } };
	char text[80];

	(void)state;
	gate_call_text(&d, GATE_ARCH_X86_64, false, text, sizeof(text));
	assert_string_equal(text, "openat(0x0, 0x0, 0x41)");
	gate_call_text(&d, GATE_ARCH_X86_64, true, text, sizeof(text));
	assert_string_equal(text, "openat(0x0, 0x0, 0x41, 0x0)");
	gate_call_text(&d, GATE_ARCH_X86_64, false, text, 10);
	assert_string_equal(text, "openat(0x");
	d = (struct gate_data){ .arch = 0x40000003, .nr = 102, .args = { 1 } };
	gate_call_text(&d, GATE_ARCH_X86_64, false, text, sizeof(text));
	assert_string_equal(text, "x86:socketcall(0x1)");
	d = (struct gate_data){ .arch = 0xc000003e, .nr = 999 };
	gate_call_text(&d, GATE_ARCH_X86_64, false, text, sizeof(text));
	assert_string_equal(text, "999");
	d.arch = 7;
	gate_call_text(&d, GATE_ARCH_X86_64, false, text, sizeof(text));
	assert_string_equal(text, "arch 0x00000007:999");
}

static void what_is_no_source_is_refused_with_the_cause(void **state)
{
	static const struct {
		const char *word, *says;
	} rows[] = {
		{ "absent.json", "'absent.json' does not exist" },
		{ "docker:absent.json", "'absent.json' does not exist" },
		{ "dcoker:web.json", "no engine is named 'dcoker' (did you mean 'docker'?)" },
		{ "what:web.json", "'what:web.json' does not exist, and 'what' is not an engine (docker podman containerd cri-o crun mesos), bpf or pid" },
		{ ".", "'.' is a directory, not a file" },
		{ "pid:x", "'x' is not a process id" },
		{ "pid:0", "'0' is not a process id" },
		{ "pid:-1", "'-1' is not a process id" },
		{ "bpf:odd", "'odd' is not a program: 9 bytes are not a number of 8-byte instructions" },
		{ "bpf:empty", "'empty' is not a program: 0 bytes are not a number of 8-byte instructions" },
		{ "bpf:zero", "'zero' is not a program that the kernel would take: instruction 0: the last one is not a return" },
		{ "big.json", "'big.json' is larger than 1048576 bytes" },
		{ "", "an empty word is no source (a path, default, unconfined, docker:PATH, bpf:FILE, pid:N)" },
	};
	char *big = calloc(1, (1 << 20) + 1);

	(void)state;
	put("odd", "123456789", 9);
	put("empty", "", 0);
	put("zero", "\0\0\0\0\0\0\0\0", 8);
	put("big.json", big, (1 << 20) + 1);
	free(big);
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_source *s = NULL;
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_source_open(rows[i].word, &host, &s, &err), -1);
		assert_string_equal(err.text, rows[i].says);
		assert_null(s);
	}
}

static const char web[] =
    "{\n"
    "  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
    "  \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"],\n"
    "  \"syscalls\": [\n"
    "    {\"names\": [\"read\", \"write\", \"exit_group\", \"execve\"], \"action\": \"SCMP_ACT_ALLOW\"},\n"
    "    {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
    "     \"args\": [{\"index\": 0, \"value\": 40, \"op\": \"SCMP_CMP_LT\"}]},\n"
    "    {\"names\": [\"ioctl\"], \"action\": \"SCMP_ACT_ALLOW\"},\n"
    "    {\"names\": [\"ioctl\"], \"action\": \"SCMP_ACT_KILL_PROCESS\",\n"
    "     \"args\": [{\"index\": 1, \"value\": 21522, \"op\": \"SCMP_CMP_EQ\"}]}\n"
    "  ]\n"
    "}\n";

static struct gate_explanation *explain(struct gate_source *s, const char *text)
{
	struct gate_explanation *e = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_call c;

	if (gate_call_parse(text, GATE_ARCH_X86_64, &c, &err) < 0 || gate_source_explain(s, &c, &e, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return e;
}

static void a_call_is_explained_by_the_rules_that_decide_it(void **state)
{
	struct gate_source *s = open_text("web.json", web);
	static const struct {
		const char *call;
		size_t n;
		uint32_t action;
		enum gate_reason reason;
		uint32_t line, column;
		const char *when;
		bool conditional;
	} rows[] = {
		{ "read", 1, GATE_RET_ALLOW, GATE_REASON_RULE, 5, 16, NULL, false },
		{ "mount", 1, GATE_RET_ERRNO | 1, GATE_REASON_DEFAULT, 2, 20, NULL, false },
		{ "socket", 2, GATE_RET_ALLOW, GATE_REASON_RULE, 6, 16, "arg0 < 40", true },
		{ "socket(2)", 1, GATE_RET_ALLOW, GATE_REASON_RULE, 6, 16, NULL, false },
		{ "socket(40)", 1, GATE_RET_ERRNO | 1, GATE_REASON_DEFAULT, 2, 20, NULL, false },
		{ "ioctl", 2, GATE_RET_KILL_PROCESS, GATE_REASON_RULE, 9, 16, "arg1 == 0x5412", true },
		{ "ioctl(_, 0x100005412)", 1, GATE_RET_KILL_PROCESS, GATE_REASON_RULE, 9, 16, NULL, false },
		{ "openat2", 1, GATE_RET_ERRNO | 38, GATE_REASON_ENOSYS, 2, 20, NULL, false },
		{ "aarch64:read", 1, GATE_RET_KILL_PROCESS, GATE_REASON_UNCOVERED, 0, 0, NULL, false },
		{ "x32:read", 1, GATE_RET_KILL_PROCESS, GATE_REASON_UNCOVERED, 0, 0, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_explanation *e = explain(s, rows[i].call);
		const struct gate_outcome *o = &e->outcomes[0];

		if (e->n != rows[i].n || o->action != rows[i].action || o->reason != rows[i].reason || e->conditional != rows[i].conditional)
			fail_msg("%s: n %zu action %#x reason %d conditional %d", rows[i].call, e->n, o->action, o->reason, e->conditional);
		if (rows[i].line != 0 && (o->line != rows[i].line || o->column != rows[i].column))
			fail_msg("%s: at %u:%u", rows[i].call, o->line, o->column);
		assert_int_equal(o->when == NULL, rows[i].when == NULL);
		if (o->when != NULL)
			assert_string_equal(o->when, rows[i].when);
		assert_null(e->outcomes[e->n - 1].when);
		gate_explanation_free(e);
	}
	gate_source_free(s);
}

static void a_program_is_explained_from_its_meaning(void **state)
{
	struct gate_source *s = open_text("web.json", web), *b;
	struct gate_compiled *c = NULL;
	struct gate_explanation *e;

	(void)state;
	assert_int_equal(gate_source_compile(s, NULL, &c, NULL), 0);
	put("web.bpf", c->insns, c->len * sizeof(*c->insns));
	b = open_text("bpf:web.bpf", NULL);
	e = explain(b, "socket");
	assert_int_equal(e->n, 2);
	assert_true(e->conditional);
	assert_string_equal(e->outcomes[0].when, "arg0 <= 39");
	assert_int_equal(e->outcomes[0].action, GATE_RET_ALLOW);
	assert_int_equal(e->outcomes[1].action, GATE_RET_ERRNO | 1);
	gate_explanation_free(e);
	assert_int_equal(gate_source_verify(s, c->insns, c->len, NULL, NULL), 0);
	assert_int_equal(gate_source_verify(b, c->insns, c->len, NULL, NULL), 0);
	gate_compiled_free(c);
	gate_source_free(b);
	gate_source_free(s);
}

static void a_wrong_program_is_not_proven_and_a_call_shows_it(void **state)
{
	struct gate_source *s = open_text("web.json", web);
	struct gate_compiled *c = NULL;
	unsigned caught = 0, same = 0;

	(void)state;
	assert_int_equal(gate_source_compile(s, NULL, &c, NULL), 0);
	for (size_t i = 0; i < c->len; i++) {
		struct gate_insn saved = c->insns[i];
		struct gate_data w = { 0 };
		struct gate_err err = GATE_ERR_INIT;

		c->insns[i].k ^= 1;
		if (gate_bpf_check(c->insns, c->len, NULL) == 0) {
			if (gate_source_verify(s, c->insns, c->len, &w, &err) < 0) {
				struct gate_space *space = NULL;
				gate_policy p = 0;

				assert_int_equal(err.code, GATE_E_UNPROVEN);
				assert_int_equal(gate_space_new(NULL, &space, NULL), 0);
				assert_int_equal(gate_source_policy(s, space, &p, NULL), 0);
				assert_int_not_equal(gate_policy_decide(space, p, &w),
				                     gate_ret_normal(gate_bpf_run(c->insns, c->len, false, &w, NULL, NULL, NULL)));
				gate_space_free(space);
				caught++;
			} else {
				same++;
			}
		}
		c->insns[i] = saved;
	}
	assert_true(caught > c->len / 2);
	assert_true(same < caught); /* splits with slack, data that an action ignores */
	gate_compiled_free(c);
	gate_source_free(s);
}

struct seen {
	unsigned n;
	char text[2048];
};

static int see(void *ctx, const struct gate_difference *d)
{
	struct seen *s = ctx;
	char call[96];

	gate_call_text(&d->witness, GATE_ARCH_X86_64, false, call, sizeof(call));
	s->n++;
	size_t at = strlen(s->text);
	(void)snprintf(s->text + at, sizeof(s->text) - at, "%s: %s %s, %s%s%s\n", d->name != NULL ? d->name : "-", gate_ret_word(d->a),
	               gate_ret_word(d->b), call, d->when != NULL ? " when " : "", d->when != NULL ? d->when : "");
	return 0;
}

static void every_difference_has_a_witness(void **state)
{
	static const char other[] = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"], "
				    "\"syscalls\": [{\"names\": [\"read\", \"write\", \"exit_group\", \"execve\", \"ioctl\"], \"action\": "
				    "\"SCMP_ACT_ALLOW\"}, {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
				    "\"value\": 38, \"op\": \"SCMP_CMP_LT\"}]}]}";
	struct gate_source *a = open_text("web.json", web), *b = open_text("other.json", other);
	struct gate_space *s = NULL;
	gate_policy p = 0, q = 0;
	struct seen seen = { 0 };
	bool holds = true;
	struct gate_data w = { 0 };

	(void)state;
	assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
	assert_int_equal(gate_source_policy(a, s, &p, NULL), 0);
	assert_int_equal(gate_source_policy(b, s, &q, NULL), 0);
	assert_int_equal(gate_policy_diff(s, p, q, see, &seen, NULL), 0);
	assert_string_equal(seen.text, "ioctl: kill_process allow, x86:ioctl(0x0, 0x5412) when arg1 == 0x5412\n"
	                               "socket: allow errno, x86:socket(0x26) when arg0 in 38..39\n"
	                               "ioctl: kill_process allow, ioctl(0x0, 0x5412) when arg1 == 0x5412\n"
	                               "socket: allow errno, socket(0x26) when arg0 in 38..39\n");
	assert_int_equal(gate_policy_subset(s, p, q, &holds, &w, NULL), 0);
	assert_false(holds);
	assert_true(gate_ret_rank(gate_policy_decide(s, p, &w)) < gate_ret_rank(gate_policy_decide(s, q, &w)));
	assert_int_equal(gate_policy_subset(s, p, p, &holds, &w, NULL), 0);
	assert_true(holds);
	gate_space_free(s);
	gate_source_free(a);
	gate_source_free(b);
}

static struct gate_compiled *compile(struct gate_source *s, const char *cache)
{
	struct gate_compiled *c = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_source_compile(s, cache, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static bool cached(const char *cache)
{
	struct gate_source *s = open_text("web.json", NULL);
	struct gate_compiled *c = compile(s, cache);
	bool hit = c->cached;

	assert_int_equal(gate_source_verify(s, c->insns, c->len, NULL, NULL), 0);
	gate_compiled_free(c);
	gate_source_free(s);
	return hit;
}

static void entry_path(char *path, size_t size)
{
	FILE *f = popen("ls cache/*", "r");

	assert_non_null(f);
	assert_non_null(fgets(path, (int)size, f));
	(void)pclose(f);
	path[strcspn(path, "\n")] = '\0';
}

static void the_cache_gives_back_proven_programs_and_distrusts_everything_else(void **state)
{
	char path[256], byte;
	int fd;

	(void)state;
	put("web.json", web, strlen(web));
	assert_false(cached("cache"));
	assert_true(cached("cache"));
	entry_path(path, sizeof(path));
	for (off_t at = 0; at < 4096; at += 97) { /* a flipped byte anywhere */
		struct stat st;

		fd = open(path, O_RDWR);
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		if (at >= st.st_size) {
			(void)close(fd);
			break;
		}
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		(void)close(fd);
		assert_false(cached("cache")); /* recompiled, and written anew */
		assert_true(cached("cache"));
	}
	assert_int_equal(truncate(path, 40), 0);
	assert_false(cached("cache"));
	assert_int_equal(chmod(path, 0666), 0);
	assert_false(cached("cache"));
	assert_true(cached("cache"));
	assert_int_equal(chmod("cache", 0777), 0);
	assert_false(cached("cache"));
	assert_int_equal(chmod("cache", 0700), 0);
	assert_true(cached("cache"));
	assert_int_equal(rename("cache", "real"), 0);
	assert_int_equal(symlink("real", "cache"), 0);
	assert_false(cached("cache")); /* a link to a directory is not our directory */
	assert_int_equal(unlink("cache"), 0);
	assert_false(cached("no/such/place"));
	assert_false(cached("no/such/place")); /* only one missing parent is made */
	assert_false(cached("new/place"));
	assert_true(cached("new/place"));
	if (geteuid() == 0) { /* somebody else's file */
		assert_int_equal(rename("real", "cache"), 0);
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_false(cached("cache"));
	}
}

static void the_builtin_profile_has_the_digest_of_its_text(void **state)
{
	struct gate_source *s = open_text("default", NULL);
	struct gate_digest digest;
	char one[GATE_POLICY_DIGEST_TEXT], two[GATE_POLICY_DIGEST_TEXT];
	size_t len = 0;
	const char *text = gate_source_text(s, &len);

	(void)state;
	gate_digest_bytes(text, len, &digest);
	gate_digest_text(&digest, one);
	gate_source_text_digest(s, two);
	assert_string_equal(one, two);
	gate_source_free(s);
}

static void a_changed_fact_is_another_entry(void **state)
{
	struct gate_facts other = host;
	struct gate_source *s = NULL;
	struct gate_compiled *c;

	(void)state;
	put("web.json", web, strlen(web));
	(void)cached("facts");
	assert_true(cached("facts"));
	other.caps = 0;
	assert_int_equal(gate_source_open("web.json", &other, &s, NULL), 0);
	c = compile(s, "facts");
	assert_false(c->cached);
	gate_compiled_free(c);
	gate_source_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_read_as_people_write_them),
		cmocka_unit_test(what_is_no_call_is_refused_with_the_cause),
		cmocka_unit_test(calls_are_written_as_they_are_read),
		cmocka_unit_test(what_is_no_source_is_refused_with_the_cause),
		cmocka_unit_test(a_call_is_explained_by_the_rules_that_decide_it),
		cmocka_unit_test(a_program_is_explained_from_its_meaning),
		cmocka_unit_test(a_wrong_program_is_not_proven_and_a_call_shows_it),
		cmocka_unit_test(every_difference_has_a_witness),
		cmocka_unit_test(the_cache_gives_back_proven_programs_and_distrusts_everything_else),
		cmocka_unit_test(the_builtin_profile_has_the_digest_of_its_text),
		cmocka_unit_test(a_changed_fact_is_another_entry),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
