/* tasks.h - a test's own state directory, root file system and host, and tasks run to their end in them. */
#ifndef TESTS_CONTAINER_TASKS_H
#define TESTS_CONTAINER_TASKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/container.h"
#include "spec/spec.h"

struct place {
	char path[64], state[128], root[80];
	struct gate_store *s;
	size_t mounts, fds, groups; /* before */
};

struct ended {
	struct gate_started started;
	struct gate_record record;
	struct gate_err err;
	int result; /* of gate_container_start */
	char out[65536];
	size_t len;
};

static inline size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	int c;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		(void)fclose(f);
	return n;
}

static inline size_t entries_of(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static inline void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static inline int place_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char path[160];

	(void)strcpy(p->path, "/tmp/callgate-tasks-XXXXXX");
	if (mkdtemp(p->path) == NULL)
		return -1;
	(void)snprintf(p->state, sizeof(p->state), "%s/state", p->path);
	(void)snprintf(p->root, sizeof(p->root), "%s/root", p->path);
	(void)mkdir(p->root, 0755);
	(void)chmod(p->path, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc", p->root);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", p->root);
	write_text(path, "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/srv:/bin/sh\n");
	(void)snprintf(path, sizeof(path), "%s/etc/group", p->root);
	write_text(path, "root:x:0:\nweb:x:1001:\nadm:x:4:web\n");
	(void)snprintf(path, sizeof(path), "%s/inside", p->root);
	copy_file(INSIDE, path);
	p->mounts = lines_of("/proc/self/mountinfo");
	if (gate_store_open(p->state, &p->s, NULL) < 0)
		return -1;
	p->fds = entries_of("/proc/self/fd");
	*state = p;
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path) < 0 ? (print_error("left: %s\n", path), 0) : 0;
}

/* Nothing may be left by the task: asked before the test's own directory goes. */
static inline int place_down(void **state)
{
	struct place *p = *state;
	size_t mounts = lines_of("/proc/self/mountinfo"), fds = entries_of("/proc/self/fd");

	gate_store_close(p->s);
	(void)nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	bool good = mounts == p->mounts && fds == p->fds && access(p->path, F_OK) != 0;
	if (!good)
		print_error("mounts %zu, were %zu; descriptors %zu, were %zu\n", mounts, p->mounts, fds, p->fds);
	free(p);
	return good ? 0 : -1;
}

/* Flags as they are typed, "name=value"; then the command. */
static inline void task_of(struct gate_task *t, const char *const *flags, const char *const *args)
{
	static const char *const environ_of[] = { "PATH=/usr/bin:/bin", "HOME=/root", NULL };
	static const struct gate_spec_caller caller = { "/", environ_of };
	static struct gate_spec spec;
	struct gate_err err = GATE_ERR_INIT;

	gate_task_init(t);
	gate_spec_init(&spec, t, &caller);
	for (; *flags != NULL; flags++) {
		char name[64];
		size_t len = strcspn(*flags, "=");

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, *flags);
		if (gate_spec_flag(&spec, name, (*flags)[len] == '=' ? *flags + len + 1 : "true", &err) < 0)
			fail_msg("%s", err.text);
	}
	if (gate_spec_finish(&spec, args, &err) < 0)
		fail_msg("%s", err.text);
}

/* Until its end; what it wrote is in e->out. */
static inline void follow(struct ended *e)
{
	_Alignas(8) static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	int passed = -1;

	for (;;) {
		struct pollfd wait = { .fd = e->started.socket, .events = POLLIN };

		if (poll(&wait, 1, 20000) != 1)
			fail_msg("the keeper says nothing for 20 s");
		if (gate_frame_receive(e->started.socket, &head, bytes, sizeof(bytes), &passed) != 1)
			fail_msg("the keeper went away");
		if (passed >= 0)
			(void)close(passed);
		if (head.type == GATE_FRAME_OUTPUT && e->len + head.len < sizeof(e->out)) {
			memcpy(e->out + e->len, bytes, head.len);
			e->len += head.len;
		}
		if (head.type != GATE_FRAME_ENDED)
			continue;
		memcpy(&e->record, bytes, sizeof(e->record));
		return;
	}
}

static inline void run_task(struct place *p, const struct gate_task *t, const struct gate_task_profile *f, struct ended *e)
{
	memset(e, 0, sizeof(*e));
	e->result = gate_container_start(p->s, t, f, &e->started, &e->err);
	if (e->result < 0)
		return;
	if (e->started.started)
		follow(e);
	else
		e->record = e->started.record;
	(void)close(e->started.socket);
	if (e->started.pidfd >= 0)
		(void)close(e->started.pidfd);
}

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__ __VA_OPT__(, ) NULL                                                                        \
	}

static const uint64_t allow_all[] = { 0x7fff000000000006 };
static const struct gate_task_profile open_profile = { .insns = allow_all, .len = 1, .source = "open" };

/* One task with these flags in the test's root, under an open filter; it must end with `status`. */
static inline void run(struct place *p, struct ended *e, int status, const char *const *flags, const char *const *args)
{
	struct gate_task t;

	task_of(&t, flags, args);
	run_task(p, &t, &open_profile, e);
	gate_task_done(&t);
	if (e->result < 0)
		fail_msg("%s", e->err.text);
	if (!e->started.started)
		fail_msg("%s", e->started.why);
	if (gate_record_exit_code(&e->record) != status)
		fail_msg("status %d, signal %d: %s", e->record.status, e->record.signal, e->out);
}

/* One that must not start; the sentence has `why` in it. */
static inline void refuse(struct place *p, struct ended *e, const char *why, const char *const *flags, const char *const *args)
{
	struct gate_task t;

	task_of(&t, flags, args);
	run_task(p, &t, &open_profile, e);
	gate_task_done(&t);
	const char *text = e->result < 0 ? e->err.text : e->started.why;
	assert_true(e->result < 0 || !e->started.started);
	if (strstr(text, why) == NULL)
		fail_msg("'%s' is not in '%s'", why, text);
}

#endif
