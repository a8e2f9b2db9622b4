#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup_limits.h"
#include "kernel/cgroup_make.h"
#include "kernel/cgroup_tree.h"
#include "task/plan.h"

#define MOUNT_V2 "30 22 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_MEMORY "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime shared:9 master:3 - cgroup cgroup rw,memory\n"
#define MOUNT_CPU "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define MOUNT_SYSTEMD "39 30 0:36 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"

static struct gate_cgroup_tree tree;
static struct gate_err err;

static int parse(const char *mountinfo, const char *self)
{
	gate_cgroup_tree_done(&tree);
	err = (struct gate_err)GATE_ERR_INIT;
	return gate_cgroup_tree_parse(mountinfo, self, &tree, &err);
}

static int clean(void **state)
{
	(void)state;
	gate_cgroup_tree_done(&tree);
	return 0;
}

/* --- the tree --- */

static void hierarchies_are_found_with_the_own_group(void **state)
{
	(void)state;
	assert_int_equal(parse("22 1 254:0 / / rw - ext4 /dev/root rw\n" MOUNT_V2 MOUNT_MEMORY MOUNT_CPU MOUNT_SYSTEMD,
	                       "9:name=systemd:/user.slice\n4:memory:/a b\n2:cpu,cpuacct:/c:d\n0::/e\n"),
	                 0);
	assert_int_equal(tree.n, 4);
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&tree, GATE_CGROUP_V2);
	assert_string_equal(h->point, "/sys/fs/cgroup");
	assert_string_equal(h->own, "/e");
	h = gate_cgroup_tree_find(&tree, GATE_CGROUP_MEMORY);
	assert_string_equal(h->own, "/a b");
	h = gate_cgroup_tree_find(&tree, GATE_CGROUP_CPUACCT);
	assert_int_equal(h->what, GATE_CGROUP_CPU | GATE_CGROUP_CPUACCT);
	assert_string_equal(h->own, "/c:d");
	assert_string_equal(gate_cgroup_tree_find(&tree, GATE_CGROUP_NAMED)->own, "/user.slice");
	assert_null(gate_cgroup_tree_find(&tree, GATE_CGROUP_PIDS));
}

static void escapes_are_read(void **state)
{
	(void)state;
	assert_int_equal(parse("30 22 0:27 / /a\\040b\\011\\134c rw - cgroup2 none rw", "0::/\n"), 0);
	assert_string_equal(tree.at[0].point, "/a b\t\\c");
	assert_string_equal(tree.at[0].own, "");
}

static void an_empty_source_is_a_field_too(void **state)
{
	(void)state;
	/* mount -t tmpfs "" /x */
	assert_int_equal(parse("23 1 0:5 / /x rw - tmpfs  rw\n30 22 0:27 / /c rw - cgroup  rw,pids\n", "1:pids:/\n"), 0);
	assert_int_equal(tree.n, 1);
	assert_int_equal(tree.at[0].what, GATE_CGROUP_PIDS);
}

static void a_mount_of_a_part_shows_only_that(void **state)
{
	static const struct {
		const char *root, *own, *seen;
	} rows[] = {
		{ "/docker/abc", "/docker/abc", "" },  { "/docker/abc", "/docker/abc/x/y", "/x/y" },
		{ "/docker/abc", "/docker/abcd", NULL }, { "/docker/abc", "/", NULL },
		{ "/..", "/", NULL },                    { "/", "/../other", NULL },
		{ "/", "/a/../b", NULL },                { "/", "/a..b/..c", "/a..b/..c" },
		{ "/", "/", "" },                        { "/docker/abc", "/docker", NULL },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		char mount[200], self[100];

		(void)snprintf(mount, sizeof(mount), "30 22 0:27 %s /c rw - cgroup2 cgroup rw\n", rows[i].root);
		(void)snprintf(self, sizeof(self), "0::%s\n", rows[i].own);
		assert_int_equal(parse(mount, self), 0);
		assert_int_equal(tree.n, 1);
		if (rows[i].seen == NULL)
			assert_null(tree.at[0].own);
		else
			assert_string_equal(tree.at[0].own, rows[i].seen);
	}
}

static void the_mount_that_shows_the_own_group_is_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("30 22 0:27 /b /one rw - cgroup2 c rw\n31 22 0:27 / /two rw - cgroup2 c rw\n"
	                       "32 22 0:27 / /three rw - cgroup2 c rw\n",
	                       "0::/a\n"),
	                 0);
	assert_int_equal(tree.n, 1);
	assert_string_equal(tree.at[0].point, "/two");
}

static void malformed_mounts_are_refused(void **state)
{
	static const char *const bad[] = {
		"\n",
		"30\n",
		"30 22 0:27 / /sys/fs/cgroup rw\n",
		"30 22 0:27 / /sys/fs/cgroup rw shared:1\n",
		"30 22 0:27 / /sys/fs/cgroup rw -\n",
		"30 22 0:27 / /sys/fs/cgroup rw - cgroup2\n",
		"30 22 0:27 / /sys/fs/cgroup rw - cgroup2 x\n",
		"-1 22 0:27 / /sys/fs/cgroup rw - cgroup2 x rw\n",
		"30 x 0:27 / /sys/fs/cgroup rw - cgroup2 x rw\n",
		"30  22 0:27 / /sys/fs/cgroup rw - cgroup2 x rw\n",
		"30 22 0:27 / sys/fs/cgroup rw - cgroup2 x rw\n",
		"30 22 0:27  /sys/fs/cgroup rw - cgroup2 x rw\n",
		"30 22 0:27 / /a\\04 rw - cgroup2 x rw\n",
		"30 22 0:27 / /a\\ rw - cgroup2 x rw\n",
		"30 22 0:27 / /a\\089b rw - cgroup2 x rw\n",
		"30 22 0:27 / /a\\000b rw - cgroup2 x rw\n",
		"30 22 0:27 / /a\\777b rw - cgroup2 x rw\n",
		MOUNT_MEMORY "99999999999 22 0:27 / /a rw - tmpfs x rw\n",
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++) {
		if (parse(bad[i], "0::/\n") == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, GATE_E_INVALID);
		assert_non_null(strstr(err.text, "mountinfo"));
	}
}

static void malformed_own_groups_are_refused(void **state)
{
	static const char *const bad[] = { "x", "0:", "0:/", "0::", "0::a", "-1:memory:/", "1:memory", ":memory:/", "1:a:b:/", "\n0::/" };

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++) {
		if (parse(MOUNT_V2, bad[i]) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(err.text, "/proc/self/cgroup"));
	}
	assert_int_equal(parse(MOUNT_V2, ""), 0);
	assert_null(tree.at[0].own);
}

static void a_prefix_of_any_length_is_parsed_or_refused(void **state)
{
	static const char mounts[] = MOUNT_V2 MOUNT_MEMORY "9 8 0:1 / /a\\040b rw - cgroup c rw,pids\n";
	static const char self[] = "4:memory:/a\n2:cpu,cpuacct:/\n0::/e\n";
	char text[sizeof(mounts)];

	(void)state;
	for (size_t len = 0; len < sizeof(mounts); len++) {
		memcpy(text, mounts, len);
		text[len] = '\0';
		(void)parse(text, self);
	}
	for (size_t len = 0; len < sizeof(self); len++) {
		memcpy(text, self, len);
		text[len] = '\0';
		(void)parse(mounts, text);
	}
}

/* --- limits --- */

static void show(const struct gate_cgroup_limits *l, uint32_t what, bool v2, char *text, size_t size)
{
	struct gate_cgroup_setting at[GATE_CGROUP_SETTINGS_MAX];
	size_t n = gate_cgroup_settings(l, what, v2, at), len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len, "%s=%s;", at[i].file, at[i].value);
}

static void limits_are_files(void **state)
{
	const struct gate_cgroup_limits all = { .memory = 67108864, .memory_swap = 134217728, .cpu_quota_us = 50000,
		                                .cpu_period_us = 200000, .cpu_shares = 1024, .pids = 64 };
	const struct gate_cgroup_limits unlimited = { .memory = 67108864, .memory_swap = UINT64_MAX, .cpu_quota_us = 50000 };
	const uint32_t every = GATE_CGROUP_MEMORY | GATE_CGROUP_CPU | GATE_CGROUP_PIDS;
	char text[512];

	(void)state;
	show(&all, every, true, text, sizeof(text));
	assert_string_equal(text, "memory.max=67108864;memory.swap.max=67108864;cpu.max=50000 200000;cpu.weight=39;pids.max=64;");
	show(&all, every, false, text, sizeof(text));
	assert_string_equal(text, "memory.limit_in_bytes=67108864;memory.memsw.limit_in_bytes=134217728;cpu.cfs_period_us=200000;"
	                          "cpu.cfs_quota_us=50000;cpu.shares=1024;pids.max=64;");
	show(&all, GATE_CGROUP_PIDS, false, text, sizeof(text));
	assert_string_equal(text, "pids.max=64;");
	show(&unlimited, every, true, text, sizeof(text));
	assert_string_equal(text, "memory.max=67108864;cpu.max=50000 100000;");
	show(&unlimited, every, false, text, sizeof(text));
	assert_string_equal(text, "memory.limit_in_bytes=67108864;cpu.cfs_quota_us=50000;");
}

static void weights_go_from_1_to_10000(void **state)
{
	static const struct {
		uint64_t shares;
		const char *weight;
	} rows[] = { { 2, "cpu.weight=1;" }, { 1024, "cpu.weight=39;" }, { 262144, "cpu.weight=10000;" } };
	char text[128];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const struct gate_cgroup_limits l = { .cpu_shares = rows[i].shares };

		show(&l, GATE_CGROUP_CPU, true, text, sizeof(text));
		assert_string_equal(text, rows[i].weight);
	}
}

static void impossible_limits_are_told(void **state)
{
	static const struct gate_cgroup_device no_rights[] = { { 'c', 1, 3, false, false, false } };
	static const struct gate_cgroup_device no_type[] = { { 'x', 1, 3, true, false, false } };
	static const struct gate_cgroup_device too_large[] = { { 'c', 4096, 3, true, false, false } };
	static const struct {
		struct gate_cgroup_limits l;
		const char *says;
	} rows[] = {
		{ { .memory = 4096 }, "too small" },
		{ { .memory_swap = 1 << 30 }, "needs a memory limit" },
		{ { .memory = 1 << 30, .memory_swap = 1 << 29 }, "less than that of memory alone" },
		{ { .cpu_quota_us = 999 }, "quota of 999" },
		{ { .cpu_quota_us = 5000, .cpu_period_us = 999 }, "period of 999" },
		{ { .cpu_quota_us = 5000, .cpu_period_us = 1000001 }, "period of 1000001" },
		{ { .cpu_period_us = 100000 }, "needs a quota" },
		{ { .cpu_shares = 1 }, "between 2 and 262144" },
		{ { .cpu_shares = 262145 }, "between 2 and 262144" },
		{ { .pids = -1 }, "-1 processes" },
		{ { .limit_devices = true, .devices = no_rights, .n_devices = 1 }, "device rule 1" },
		{ { .limit_devices = true, .devices = no_type, .n_devices = 1 }, "device rule 1" },
		{ { .limit_devices = true, .devices = too_large, .n_devices = 1 }, "device rule 1" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		err = (struct gate_err)GATE_ERR_INIT;
		assert_int_equal(gate_cgroup_limits_check(&rows[i].l, &err), -1);
		assert_int_equal(err.code, GATE_E_INVALID);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
	}
}

/* --- devices --- */

/* A machine for the few instructions that device programs have. */
static int64_t run(const struct bpf_insn *code, size_t len, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[11] = { 0 };

	for (size_t pc = 0; pc < len; pc++) {
		struct bpf_insn i = code[pc];
		uint64_t from = (i.code & BPF_X) != 0 ? r[i.src_reg] : (uint64_t)(int64_t)i.imm;

		switch (i.code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i.src_reg, BPF_REG_1);
			memcpy(&from, (const char *)ctx + i.off, 4);
			r[i.dst_reg] = (uint32_t)from;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
		case BPF_ALU | BPF_MOV | BPF_K:
			r[i.dst_reg] = (uint32_t)from;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			r[i.dst_reg] = (uint32_t)(r[i.dst_reg] & from);
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[i.dst_reg] = (uint32_t)r[i.dst_reg] >> from;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			assert_true(i.off >= 0);
			if (r[i.dst_reg] != from)
				pc += (size_t)i.off;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int64_t)r[0];
		default:
			fail_msg("instruction %zu is %#x", pc, i.code);
		}
	}
	fail_msg("the program runs past its end");
	return -1;
}

/* What the rules say, straight: some rule, with the rights of all rules for the same device, covers the question. */
static bool allowed(const struct gate_cgroup_limits *l, char type, int64_t major, int64_t minor, int access)
{
	for (size_t i = 0; i < l->n_devices; i++) {
		const struct gate_cgroup_device *d = &l->devices[i];
		int has = 0;

		if ((d->type != 'a' && d->type != type) || (d->major >= 0 && d->major != major) || (d->minor >= 0 && d->minor != minor))
			continue;
		for (size_t k = 0; k < l->n_devices; k++) {
			const struct gate_cgroup_device *e = &l->devices[k];

			if (e->type == d->type && e->major == d->major && e->minor == d->minor)
				has |= (e->mknod ? 1 : 0) | (e->read ? 2 : 0) | (e->write ? 4 : 0);
		}
		if ((access & ~has) == 0)
			return true;
	}
	return false;
}

static const struct gate_cgroup_device rules[] = {
	{ 'c', 1, 3, true, false, false }, { 'c', 1, 3, false, true, false }, { 'b', -1, -1, false, false, true },
	{ 'c', 5, -1, true, true, true },  { 'a', 7, 2, true, false, true },  { 'a', -1, 9, false, true, false },
	{ 'c', 0, 0, true, true, false },
};

static void the_program_says_what_the_rules_say(void **state)
{
	struct gate_cgroup_limits l = { .devices = rules, .limit_devices = true };
	unsigned yes = 0;

	(void)state;
	for (l.n_devices = 0; l.n_devices <= GATE_ARRAY_LEN(rules); l.n_devices++) {
		GATE_AUTOFREE struct bpf_insn *code = NULL;
		size_t len;

		assert_int_equal(gate_cgroup_device_program(&l, &code, &len, &err), 0);
		for (uint32_t major = 0; major < 10; major++)
			for (uint32_t minor = 0; minor < 11; minor++)
				for (int access = 0; access < 8; access++)
					for (int block = 0; block < 2; block++) {
						const struct bpf_cgroup_dev_ctx ctx = {
							(uint32_t)access << 16 | (block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major, minor
						};
						bool want = allowed(&l, block ? 'b' : 'c', major, minor, access);

						assert_int_equal(run(code, len, &ctx), want);
						yes += want;
					}
	}
	assert_true(yes > 100);
}

static void too_many_rules_are_refused(void **state)
{
	static struct gate_cgroup_device many[600];
	const struct gate_cgroup_limits l = { .devices = many, .n_devices = GATE_ARRAY_LEN(many), .limit_devices = true };
	struct bpf_insn *code;
	size_t len;

	(void)state;
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_cgroup_device_program(&l, &code, &len, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
}

static void rules_are_lines_of_version_1(void **state)
{
	static const struct gate_cgroup_device all = { 'a', -1, -1, true, true, true }, one = { 'c', 1, 3, true, false, true };
	char lines[2][64];

	(void)state;
	assert_int_equal(gate_cgroup_device_lines(&one, lines), 1);
	assert_string_equal(lines[0], "c 1:3 rm");
	/* "a" would allow all to version 1, whatever follows. */
	assert_int_equal(gate_cgroup_device_lines(&all, lines), 2);
	assert_string_equal(lines[0], "b *:* rwm");
	assert_string_equal(lines[1], "c *:* rwm");
}

/* --- trees of files that look like cgroups --- */

#define ID "0123456789abcdef"

static char root[64];

static void put(const char *name, const char *text)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static const char *got(const char *name)
{
	static char text[300];
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool there(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return access(path, F_OK) == 0;
}

static int plant(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/callgate-test-XXXXXX");
	err = (struct gate_err)GATE_ERR_INIT;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int fell(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void plant_v2(const char *controllers, const char *enabled)
{
	put("proc/self/mountinfo", MOUNT_V2);
	put("proc/self/cgroup", "0::/a.slice/b.scope\n");
	put("sys/fs/cgroup/cgroup.controllers", controllers);
	put("sys/fs/cgroup/cgroup.subtree_control", enabled);
	put("sys/fs/cgroup/cgroup.procs", "");
}

static int make(const char *parent, const struct gate_cgroup_limits *l, bool dry, struct gate_buf *text)
{
	struct gate_cgroups groups;

	err = (struct gate_err)GATE_ERR_INIT;
	int result = gate_cgroups_make_in(root, ID, parent, l, dry, text, &groups, &err);
	if (result == 0)
		gate_cgroups_done(&groups);
	return result;
}

static void version_2_is_explained(void **state)
{
	const struct gate_cgroup_limits l = { .memory = 64 << 20, .pids = 9, .want = GATE_CGROUP_FREEZER };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	char want[300];

	(void)state;
	plant_v2("cpuset cpu io memory pids\n", "memory\n");
	assert_int_equal(make(NULL, &l, true, &text), 0);
	(void)snprintf(want, sizeof(want), "%s/sys/fs/cgroup/callgate-" ID ": memory.max 67108864, pids.max 9, to end the task as a whole\n", root);
	assert_string_equal(text.data, want);
	assert_string_equal(got("sys/fs/cgroup/cgroup.subtree_control"), "memory\n");
}

static void only_missing_controllers_are_enabled_and_a_failure_leaves_no_group(void **state)
{
	const struct gate_cgroup_limits l = { .memory = 64 << 20, .pids = 9, .cpu_shares = 5 };

	(void)state;
	plant_v2("cpu memory pids\n", "memory\n");
	/* A real group would have memory.max. */
	assert_int_equal(make(NULL, &l, false, NULL), -1);
	assert_int_equal(err.code, GATE_E_UNSUPPORTED);
	assert_non_null(strstr(err.text, "memory.max"));
	assert_string_equal(got("sys/fs/cgroup/cgroup.subtree_control"), "+cpu +pids");
	assert_false(there("sys/fs/cgroup/callgate-" ID));
}

static void a_parent_is_made_level_by_level_and_undone(void **state)
{
	const struct gate_cgroup_limits l = { .pids = 9 };

	(void)state;
	plant_v2("pids\n", "");
	put("sys/fs/cgroup/a/cgroup.subtree_control", "");
	put("sys/fs/cgroup/a/cgroup.controllers", "pids");
	/* b is new: it has no files here, so controllers cannot be handed on. */
	assert_int_equal(make("a/b/c/", &l, false, NULL), -1);
	assert_string_equal(got("sys/fs/cgroup/cgroup.subtree_control"), "+pids");
	assert_string_equal(got("sys/fs/cgroup/a/cgroup.subtree_control"), "+pids");
	assert_true(there("sys/fs/cgroup/a"));
	assert_false(there("sys/fs/cgroup/a/b"));
}

static void a_parent_without_limits_is_entered_or_refused(void **state)
{
	const struct gate_cgroup_limits none = { 0 };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	(void)state;
	put("proc/self/mountinfo", "22 1 254:0 / / rw - ext4 /dev/root rw\n");
	put("proc/self/cgroup", "");
	assert_int_equal(make("a", &none, false, NULL), -1);
	assert_non_null(strstr(err.text, "no cgroup hierarchy is mounted in which 'a' could be"));
	plant_v2("pids\n", "");
	assert_int_equal(make("a", &none, true, &text), 0);
	assert_non_null(strstr(text.data, "/sys/fs/cgroup/a/callgate-" ID));
}

static void processes_above_are_told_beforehand(void **state)
{
	const struct gate_cgroup_limits l = { .pids = 9 };

	(void)state;
	plant_v2("pids\n", "");
	put("sys/fs/cgroup/cgroup.procs", "12\n");
	assert_int_equal(make(NULL, &l, true, NULL), 0); /* the real top may */
	put("sys/fs/cgroup/cgroup.type", "domain\n");
	assert_int_equal(make(NULL, &l, true, NULL), -1);
	assert_non_null(strstr(err.text, "processes are in it"));
	put("sys/fs/cgroup/cgroup.subtree_control", "pids");
	assert_int_equal(make(NULL, &l, true, NULL), 0);
}

static void missing_controllers_are_named(void **state)
{
	const struct gate_cgroup_limits cpu = { .cpu_quota_us = 50000 }, wanted = { .want = GATE_CGROUP_CPUACCT | GATE_CGROUP_MEMORY | GATE_CGROUP_NAMED };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	(void)state;
	put("proc/self/mountinfo", "22 1 254:0 / / rw - ext4 /dev/root rw\n");
	put("proc/self/cgroup", "");
	assert_int_equal(make(NULL, &cpu, false, NULL), -1);
	assert_int_equal(err.code, GATE_E_UNSUPPORTED);
	assert_non_null(strstr(err.text, "cpu controller"));
	assert_non_null(strstr(err.text, "no cgroup hierarchy is mounted"));
	assert_int_equal(make(NULL, &wanted, true, &text), 0);
	assert_int_equal(text.len, 0);
	put("proc/self/mountinfo", MOUNT_MEMORY);
	put("proc/self/cgroup", "4:memory:/own\n");
	put("sys/fs/cgroup/memory/own/cgroup.procs", "");
	assert_int_equal(make(NULL, &cpu, false, NULL), -1);
	assert_non_null(strstr(err.text, "no mounted cgroup hierarchy has"));
	plant_v2("memory pids\n", "");
	assert_int_equal(make(NULL, &cpu, false, NULL), -1);
	assert_non_null(strstr(err.text, "cpu controller"));
}

static void version_1_is_below_the_own_group(void **state)
{
	const struct gate_cgroup_limits l = { .memory = 64 << 20, .cpu_shares = 512 };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	char want[600];

	(void)state;
	put("proc/self/mountinfo", MOUNT_MEMORY MOUNT_CPU);
	put("proc/self/cgroup", "4:memory:/own\n3:cpu,cpuacct:/\n");
	put("sys/fs/cgroup/memory/own/cgroup.procs", "");
	put("sys/fs/cgroup/cpu,cpuacct/cgroup.procs", "");
	assert_int_equal(make(NULL, &l, true, &text), 0);
	(void)snprintf(want, sizeof(want), "%s/sys/fs/cgroup/memory/own/callgate-" ID ": memory.limit_in_bytes 67108864\n"
	               "%s/sys/fs/cgroup/cpu,cpuacct/callgate-" ID ": cpu.shares 512\n", root, root);
	assert_string_equal(text.data, want);
	/* Swap that the kernel does not count is another sentence. */
	const struct gate_cgroup_limits swap = { .memory = 64 << 20, .memory_swap = 128 << 20 };
	assert_int_equal(make(NULL, &swap, false, NULL), -1);
	assert_false(there("sys/fs/cgroup/memory/own/callgate-" ID));
	put("proc/self/cgroup", "4:memory:/gone\n");
	assert_int_equal(make(NULL, &swap, false, NULL), -1);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.text, "the group above it is gone"));
}

static void controllers_of_a_hybrid_are_looked_for_in_version_2_first(void **state)
{
	const struct gate_cgroup_limits l = { .memory = 64 << 20, .pids = 512 };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	(void)state;
	plant_v2("pids\n", "");
	put("proc/self/mountinfo", MOUNT_V2 MOUNT_MEMORY "35 30 0:38 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
	put("proc/self/cgroup", "4:memory:/\n8:pids:/\n0::/\n");
	put("sys/fs/cgroup/memory/cgroup.procs", "");
	assert_int_equal(make(NULL, &l, true, &text), 0);
	assert_non_null(strstr(text.data, "/sys/fs/cgroup/callgate-" ID ": pids.max 512\n"));
	assert_non_null(strstr(text.data, "/sys/fs/cgroup/memory/callgate-" ID ": memory.limit_in_bytes"));
}

static void names_that_climb_are_refused(void **state)
{
	static const char *const parents[] = { "", "/", "//a", "a//b", "..", "a/..", "../a", "a/../b", "/./a", "a\nb" };
	static const char *const ids[] = { "", "0123456789a", "0123456789abcdeg", "0123456789ABCDEF", "../../0123456789ab", "0123456789abcdef/",
		                           "01234567890123456789012345678901234567890123456789012345678901234" };
	const struct gate_cgroup_limits l = { .pids = 9 };
	struct gate_cgroups groups;

	(void)state;
	plant_v2("pids\n", "");
	for (size_t i = 0; i < GATE_ARRAY_LEN(parents); i++)
		assert_int_equal(make(parents[i], &l, false, NULL), -1);
	for (size_t i = 0; i < GATE_ARRAY_LEN(ids); i++)
		assert_int_equal(gate_cgroups_make_in(root, ids[i], NULL, &l, false, NULL, &groups, NULL), -1);
	assert_string_equal(got("sys/fs/cgroup/cgroup.subtree_control"), "");
	assert_int_equal(gate_cgroups_find("../x", &groups, NULL), -1);
}

int main(void)
{
#define TREE(f) cmocka_unit_test_teardown(f, clean)
#define FILES(f) cmocka_unit_test_setup_teardown(f, plant, fell)
	const struct CMUnitTest tests[] = {
		TREE(hierarchies_are_found_with_the_own_group),
		TREE(escapes_are_read),
		TREE(an_empty_source_is_a_field_too),
		TREE(a_mount_of_a_part_shows_only_that),
		TREE(the_mount_that_shows_the_own_group_is_taken),
		TREE(malformed_mounts_are_refused),
		TREE(malformed_own_groups_are_refused),
		TREE(a_prefix_of_any_length_is_parsed_or_refused),
		cmocka_unit_test(limits_are_files),
		cmocka_unit_test(weights_go_from_1_to_10000),
		cmocka_unit_test(impossible_limits_are_told),
		cmocka_unit_test(the_program_says_what_the_rules_say),
		cmocka_unit_test(too_many_rules_are_refused),
		cmocka_unit_test(rules_are_lines_of_version_1),
		FILES(version_2_is_explained),
		FILES(only_missing_controllers_are_enabled_and_a_failure_leaves_no_group),
		FILES(a_parent_is_made_level_by_level_and_undone),
		FILES(a_parent_without_limits_is_entered_or_refused),
		FILES(processes_above_are_told_beforehand),
		FILES(missing_controllers_are_named),
		FILES(version_1_is_below_the_own_group),
		FILES(controllers_of_a_hybrid_are_looked_for_in_version_2_first),
		FILES(names_that_climb_are_refused),
	};

	return cmocka_run_group_tests_name("kernel-cgroup", tests, NULL, NULL);
}
