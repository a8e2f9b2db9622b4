/* Tasks as bytes: there and back, every cut, every changed number. What is read without an error is written again as the
 * very same bytes: nothing is taken for something else, and nothing is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../random.h"
#include "task/wire.h"

static const uint64_t insns[] = { UINT64_C(0x0000000400000020), UINT64_C(0x7fff000000000006) };

#define PUSH(list, ...)                                                                                                \
	do {                                                                                                           \
		assert_int_equal(gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)), 0);                 \
		(list).at[(list).n++] = (__typeof__(*(list).at))__VA_ARGS__;                                           \
	} while (0)

/* Every field says something that is not its default. */
static void full(struct gate_task *t, struct gate_wire_profile *p)
{
	gate_task_init(t);
	t->isolation = GATE_ISOLATE_ALL & ~8U;
	t->name = "name";
	t->hostname = "host";
	t->rootfs = "/root fs";
	t->rootfs_writable = true;
	t->image = "docker://busybox";
	t->read_only = true;
	PUSH(t->args, "sh");
	PUSH(t->args, "");
	PUSH(t->entrypoint, "/bin/init");
	t->has_entrypoint = true;
	PUSH(t->env, "A=B");
	PUSH(t->env, "C=\n\xff");
	t->workdir = "/w";
	t->user = "1000:adm";
	t->init = t->terminal = t->interactive = t->detach = t->remove = true;
	t->pid = (struct gate_ns){ GATE_NS_OF, "other" };
	t->ipc = (struct gate_ns){ GATE_NS_HOST, NULL };
	t->network = (struct gate_ns){ GATE_NS_OF, "net" };
	t->uts = (struct gate_ns){ GATE_NS_HOST, NULL };
	t->userns_of = (struct gate_ns){ GATE_NS_OF, "users" };
	t->userns_auto = true;
	PUSH(t->volumes, { GATE_VOLUME_BIND, "/from", "/to", true, true, true, true, true, true, 1, 2 });
	PUSH(t->volumes, { .kind = GATE_VOLUME_TMPFS, .target = "/tmp", .size = 1U << 20, .mode = 01777 });
	t->cap_add = 3;
	t->cap_drop = UINT64_MAX;
	t->privileged = true;
	t->profile = "web.json";
	t->no_new_privs = t->log = true;
	t->memory = 4;
	t->memory_swap = UINT64_MAX;
	t->cpu_quota_us = 5;
	t->cpu_period_us = 6;
	t->cpu_shares = 7;
	t->pids = -1;
	t->cgroup_parent = "/a/b";
	t->cgroup_of = "parent";
	t->oom_score_adj = -1000;
	t->has_oom_score_adj = true;
	t->shm_size = 8;
	PUSH(t->limits, { 7, 9, UINT64_MAX });
	PUSH(t->sysctls, { "net.ipv4.ip_forward", "1" });
	PUSH(t->labels, { "a", "" });
	PUSH(t->groups_add, "video");
	t->stop_signal = 64;
	t->stop_ms = UINT32_MAX;
	t->timeout_ms = 10;
	t->log_bytes = 11;
	t->log_files = 12;
	t->cidfile = "/c";
	t->sig_proxy = false;
	t->quiet = true;
	*p = (struct gate_wire_profile){ .insns = insns,
		                         .len = 2,
		                         .flags = 6,
		                         .notify = true,
		                         .source = "web.json",
		                         .text_digest = "sha256:1",
		                         .meaning_digest = "sha256:2" };
}

#define SAME_TEXT(field)                                                                                               \
	do {                                                                                                           \
		if (a->field == NULL || b->field == NULL)                                                              \
			assert_ptr_equal(a->field, b->field);                                                          \
		else                                                                                                   \
			assert_string_equal(a->field, b->field);                                                       \
	} while (0)
#define SAME(field) assert_true(a->field == b->field)
#define SAME_TEXTS(list)                                                                                               \
	do {                                                                                                           \
		SAME(list.n);                                                                                          \
		for (size_t k = 0; k < a->list.n; k++)                                                                 \
			SAME_TEXT(list.at[k]);                                                                         \
	} while (0)
#define SAME_SPACE(ns)                                                                                                 \
	do {                                                                                                           \
		SAME(ns.mode);                                                                                         \
		SAME_TEXT(ns.of);                                                                                      \
	} while (0)

/* Field by field, and not by the bytes: what both ways forget would be equal there. */
static void same(const struct gate_task *a, const struct gate_task *b)
{
	/* More or fewer fields: then more or fewer lines below, and in wire.c. */
	assert_int_equal(sizeof(*a), 576);
	SAME(isolation);
	SAME(rootfs_writable);
	SAME(read_only);
	SAME(has_entrypoint);
	SAME(init);
	SAME(terminal);
	SAME(interactive);
	SAME(detach);
	SAME(remove);
	SAME(userns_auto);
	SAME(cap_add);
	SAME(cap_drop);
	SAME(privileged);
	SAME(no_new_privs);
	SAME(log);
	SAME(memory);
	SAME(memory_swap);
	SAME(cpu_quota_us);
	SAME(cpu_period_us);
	SAME(cpu_shares);
	SAME(pids);
	SAME(oom_score_adj);
	SAME(has_oom_score_adj);
	SAME(shm_size);
	SAME(stop_signal);
	SAME(stop_ms);
	SAME(timeout_ms);
	SAME(log_bytes);
	SAME(log_files);
	SAME(sig_proxy);
	SAME(quiet);
	SAME_TEXT(name);
	SAME_TEXT(hostname);
	SAME_TEXT(rootfs);
	SAME_TEXT(image);
	SAME_TEXT(workdir);
	SAME_TEXT(user);
	SAME_TEXT(profile);
	SAME_TEXT(cgroup_parent);
	SAME_TEXT(cgroup_of);
	SAME_TEXT(cidfile);
	SAME_TEXTS(args);
	SAME_TEXTS(entrypoint);
	SAME_TEXTS(env);
	SAME_TEXTS(groups_add);
	SAME_SPACE(pid);
	SAME_SPACE(ipc);
	SAME_SPACE(network);
	SAME_SPACE(uts);
	SAME_SPACE(userns_of);
	SAME(volumes.n);
	SAME(limits.n);
	SAME(sysctls.n);
	SAME(labels.n);
	for (size_t i = 0; i < a->volumes.n; i++) {
		SAME(volumes.at[i].kind);
		SAME(volumes.at[i].read_only);
		SAME(volumes.at[i].recursive);
		SAME(volumes.at[i].nosuid);
		SAME(volumes.at[i].nodev);
		SAME(volumes.at[i].noexec);
		SAME(volumes.at[i].make_source);
		SAME(volumes.at[i].size);
		SAME(volumes.at[i].mode);
		SAME_TEXT(volumes.at[i].source);
		SAME_TEXT(volumes.at[i].target);
	}
	for (size_t i = 0; i < a->limits.n; i++) {
		SAME(limits.at[i].resource);
		SAME(limits.at[i].soft);
		SAME(limits.at[i].hard);
	}
	for (size_t i = 0; i < a->sysctls.n; i++) {
		SAME_TEXT(sysctls.at[i].key);
		SAME_TEXT(sysctls.at[i].value);
	}
	for (size_t i = 0; i < a->labels.n; i++) {
		SAME_TEXT(labels.at[i].key);
		SAME_TEXT(labels.at[i].value);
	}
}

/* 0 and the same bytes again, or an error. The copy has just the right size, so that sanitizers see a step beyond. */
static int read_exactly(const void *bytes, size_t len, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf again = GATE_BUF_INIT;
	GATE_AUTOFREE char *copy = malloc(len + (len == 0));
	struct gate_wire_profile p;
	struct gate_task t;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	gate_task_init(&t);
	int result = gate_wire_read_task(copy, len, &t, &p, err);

	if (result == 0) {
		assert_int_equal(gate_wire_task(&t, &p, &again, NULL), 0);
		assert_int_equal(again.len, len);
		assert_memory_equal(again.data, bytes, len);
	}
	gate_task_done(&t);
	return result;
}

static void there_and_back(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p, q;
	struct gate_task t, u;

	(void)state;
	full(&t, &p);
	gate_task_init(&u);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	assert_int_equal(gate_wire_read_task(out.data, out.len, &u, &q, NULL), 0);
	same(&t, &u);
	assert_int_equal(q.len, 2);
	assert_memory_equal(q.insns, insns, sizeof(insns));
	assert_int_equal(q.flags, 6);
	assert_true(q.notify && !q.unconfined);
	assert_string_equal(q.source, "web.json");
	assert_string_equal(q.text_digest, "sha256:1");
	assert_string_equal(q.meaning_digest, "sha256:2");
	assert_int_equal(read_exactly(out.data, out.len, NULL), 0);
	gate_task_done(&t);
	gate_task_done(&u);
}

static void nothing_said(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p = { .unconfined = true }, q;
	struct gate_task t, u;

	(void)state;
	gate_task_init(&t);
	gate_task_init(&u);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	assert_int_equal(gate_wire_read_task(out.data, out.len, &u, &q, NULL), 0);
	same(&t, &u);
	assert_true(q.unconfined && q.insns == NULL && q.source == NULL);
	gate_task_done(&t);
	gate_task_done(&u);
}

static void every_cut(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_task t;

	(void)state;
	full(&t, &p);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	for (size_t len = 0; len < out.len; len++) {
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(read_exactly(out.data, len, &err), -1);
		assert_int_equal(err.code, GATE_E_PROTO);
	}
	gate_buf_add(&out, "x", 1);
	struct gate_err err = GATE_ERR_INIT;
	assert_int_equal(read_exactly(out.data, out.len, &err), -1);
	assert_string_equal(err.text, "a task came broken: 1 bytes are left over");
	gate_task_done(&t);
}

/* Eight bytes at every place become a number that breaks things: all lengths and counts are among them. */
static void every_number(void **state)
{
	static const uint64_t numbers[] = { 0,          1,          2,           7,          0xff,          0x1000,
		                            UINT32_MAX, 1ULL << 32, 1ULL << 61, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_task t;
	size_t good = 0, bad = 0;

	(void)state;
	full(&t, &p);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	for (size_t at = 0; at + 8 <= out.len; at++) {
		char before[8];

		memcpy(before, out.data + at, 8);
		for (size_t i = 0; i < GATE_ARRAY_LEN(numbers); i++) {
			memcpy(out.data + at, &numbers[i], 8);
			*(read_exactly(out.data, out.len, NULL) == 0 ? &good : &bad) += 1;
		}
		memcpy(out.data + at, before, 8);
	}
	/* Some are as good as before (an amount), most are not. */
	assert_true(good > 100 && bad > 1000);
	gate_task_done(&t);
}

/* One thing that is wrong, and the sentence that says so. */
static void refused(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_task t;

	(void)state;
	for (int i = 0; i < 7; i++) {
		struct gate_err err = GATE_ERR_INIT;
		const char *sentence = NULL;

		full(&t, &p);
		switch (i) {
		case 0:
			p.unconfined = true;
			sentence = "it is unconfined, with a program";
			break;
		case 1:
			p.len = 0;
			sentence = "it has no program and is not unconfined";
			break;
		case 2:
			t.pid.mode = 3;
			sentence = "a value is none of those that there are";
			break;
		case 3:
			t.volumes.at[0].source = NULL;
			sentence = "a volume has no source";
			break;
		case 4:
			t.volumes.at[1].target = NULL;
			sentence = "a string is missing";
			break;
		case 5:
			t.limits.at[0].resource = -1;
			sentence = "a value is none of those that there are";
			break;
		default:
			t.pid.of = NULL;
			sentence = "a namespace is that of nobody";
		}
		out.len = 0;
		assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
		assert_int_equal(read_exactly(out.data, out.len, &err), -1);
		assert_int_equal(err.code, GATE_E_PROTO);
		assert_non_null(strstr(err.text, sentence));
		gate_task_done(&t);
	}
}

static void too_large(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	char *large = malloc(GATE_WIRE_MAX + 1);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', GATE_WIRE_MAX);
	large[GATE_WIRE_MAX] = '\0';
	full(&t, &p);
	t.hostname = large;
	assert_int_equal(gate_wire_task(&t, &p, &out, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(read_exactly(out.data, out.len, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	gate_task_done(&t);
	free(large);
}

/* --- one more process --- */
static int read_exec(const void *bytes, size_t len, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf again = GATE_BUF_INIT;
	GATE_AUTOFREE char *copy = malloc(len + (len == 0));
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_wire_exec e;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	int result = gate_wire_read_exec(copy, len, &arena, &e, err);

	if (result == 0) {
		assert_null(e.args[e.n_args]);
		assert_null(e.env[e.n_env]);
		assert_int_equal(gate_wire_exec(&e, &again, NULL), 0);
		assert_int_equal(again.len, len);
		assert_memory_equal(again.data, bytes, len);
	}
	gate_arena_done(&arena);
	return result;
}

static void commands(void **state)
{
	static const char *args[] = { "sh", "-c", "true", NULL }, *env[] = { "A=B", NULL };
	static const uint64_t numbers[] = { 0, 1, 5, 1ULL << 61, UINT64_MAX };
	const struct gate_wire_exec e = { args, env, 3, 1, "nobody", NULL, 5000 };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_wire_exec back;

	(void)state;
	assert_int_equal(gate_wire_exec(&e, &out, NULL), 0);
	assert_int_equal(gate_wire_read_exec(out.data, out.len, &arena, &back, NULL), 0);
	assert_int_equal(back.n_args, 3);
	assert_string_equal(back.args[2], "true");
	assert_null(back.args[3]);
	assert_string_equal(back.env[0], "A=B");
	assert_string_equal(back.user, "nobody");
	assert_null(back.workdir);
	assert_int_equal(back.timeout_ms, 5000);
	gate_arena_done(&arena);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(read_exec(out.data, len, NULL), -1);
	for (size_t at = 0; at + 8 <= out.len; at++) {
		char before[8];

		memcpy(before, out.data + at, 8);
		for (size_t i = 0; i < GATE_ARRAY_LEN(numbers); i++) {
			memcpy(out.data + at, &numbers[i], 8);
			(void)read_exec(out.data, out.len, NULL);
		}
		memcpy(out.data + at, before, 8);
	}
	out.len = 0;
	assert_int_equal(gate_wire_exec(&(struct gate_wire_exec){ args, env, 0, 1, NULL, NULL, 0 }, &out, NULL), 0);
	assert_int_equal(read_exec(out.data, out.len, NULL), -1);
}

/* A task is no command, and neither is of another version. */
static void something_else(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	full(&t, &p);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	assert_int_equal(read_exec(out.data, out.len, &err), -1);
	assert_string_equal(err.text, "a command came broken: it is something else");
	out.data[8]++;
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(read_exactly(out.data, out.len, &err), -1);
	assert_string_equal(err.text, "a task came broken: it is of another version of callgate");
	gate_task_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(nothing_said), cmocka_unit_test(every_cut),
		cmocka_unit_test(every_number),   cmocka_unit_test(refused),      cmocka_unit_test(too_large),
		cmocka_unit_test(commands),       cmocka_unit_test(something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
