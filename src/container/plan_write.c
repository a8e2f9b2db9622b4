#include <stdarg.h>
#include <stdio.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container/plan_write.h"

/* One message carries the memfd, too (SCM_MAX_FD). */
#define FDS_MAX (GATE_PLAN_FDS_MAX - 1)

void gate_plan_writer_init(struct gate_plan_writer *w)
{
	*w = (struct gate_plan_writer){ .by = "launch", .texts = GATE_BUF_INIT };
	w->head = (struct gate_plan){ .magic = GATE_PLAN_MAGIC,
		                      .version = GATE_PLAN_VERSION,
		                      .dir = -1,
		                      .parent = -1,
		                      .control = -1,
		                      .audit = -1,
		                      .audit_ask = -1,
		                      .proc = -1,
		                      .lock = -1 };
	gate_buf_add(&w->texts, "", 1);
}

void gate_plan_writer_done(struct gate_plan_writer *w)
{
	for (size_t i = 0; i < w->n_fds; i++)
		(void)close(w->fds[i]);
	w->n_fds = 0;
	free(w->lines);
	free(w->argv);
	free(w->envp);
	gate_buf_done(&w->texts);
	gate_arena_done(&w->arena);
	w->lines = NULL;
	w->argv = w->envp = NULL;
}

static void fail(struct gate_plan_writer *w, enum gate_errc code, const char *why)
{
	gate_err_set(&w->failed, code, 0, "%s", why);
}

static void no_memory(struct gate_plan_writer *w)
{
	fail(w, GATE_E_NOMEM, "out of memory");
}

/* --- rows --- */
__attribute__((format(printf, 2, 0))) static const char *format_object(struct gate_plan_writer *w, const char *format,
                                                                       va_list ap)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	if (format == NULL)
		return "";
	gate_buf_vprintf(&text, format, ap);
	const char *copy =
	    text.failed ? NULL : gate_arena_text(&w->arena, text.data != NULL ? text.data : "", text.len);
	if (copy == NULL)
		no_memory(w);
	return copy != NULL ? copy : "";
}

struct gate_row *gate_plan_row(struct gate_plan_writer *w, enum gate_step step, const char *object, ...)
{
	static _Thread_local struct gate_row thrown_away;
	va_list ap;

	if (w->n_lines >= GATE_PLAN_ROWS_MAX) {
		fail(w, GATE_E_LIMIT, "the launch needs more than 512 steps: fewer volumes, devices or limits");
		return &thrown_away;
	}
	if (gate_grow(&w->lines, w->n_lines, &w->cap_lines, sizeof(*w->lines)) < 0) {
		no_memory(w);
		return &thrown_away;
	}
	struct gate_plan_line *line = &w->lines[w->n_lines++];
	*line = (struct gate_plan_line){ .row = { .step = (uint16_t)step, .fd = -1 }, .by = w->by };
	va_start(ap, object);
	line->object = format_object(w, object, ap);
	va_end(ap);
	return &line->row;
}

uint32_t gate_plan_string(struct gate_plan_writer *w, const char *s)
{
	size_t at = w->texts.len;

	if (s == NULL)
		return 0;
	gate_buf_add(&w->texts, s, strlen(s) + 1);
	if (w->texts.failed)
		no_memory(w);
	if (at > GATE_PLAN_BYTES_MAX)
		fail(w, GATE_E_LIMIT, "the launch's texts are larger than 8 MiB");
	return (uint32_t)at;
}

uint32_t gate_plan_groups(struct gate_plan_writer *w, const uint32_t *groups, size_t n)
{
	static const char zeros[4];

	if (n == 0)
		return 0;
	/* Sealing puts the texts at a multiple of 8. */
	gate_buf_add(&w->texts, zeros, (4 - w->texts.len % 4) % 4);
	size_t at = w->texts.len;
	gate_buf_add(&w->texts, groups, n * sizeof(*groups));
	if (w->texts.failed)
		no_memory(w);
	return (uint32_t)at;
}

int32_t gate_plan_adopt(struct gate_plan_writer *w, int fd)
{
	if (fd < 0)
		return -1;
	if (w->n_fds >= FDS_MAX) {
		(void)close(fd);
		fail(w, GATE_E_LIMIT, "the launch needs more than 252 descriptors: fewer volumes");
		return -1;
	}
	w->fds[w->n_fds] = fd;
	return (int32_t)w->n_fds++;
}

/* --- arguments and environment --- */
static void append(struct gate_plan_writer *w, const char ***list, size_t *n, size_t *cap, const char *s)
{
	const char *copy = gate_arena_text(&w->arena, s, strlen(s));

	if (copy == NULL || gate_grow(list, *n, cap, sizeof(**list)) < 0) {
		no_memory(w);
		return;
	}
	(*list)[(*n)++] = copy;
}

void gate_plan_arg(struct gate_plan_writer *w, const char *arg)
{
	append(w, &w->argv, &w->argc, &w->cap_argv, arg);
}

static size_t key_length(const char *pair)
{
	return strcspn(pair, "=");
}

static size_t find_env(const struct gate_plan_writer *w, const char *key, size_t len)
{
	size_t i = 0;

	while (i < w->envc && !(key_length(w->envp[i]) == len && memcmp(w->envp[i], key, len) == 0))
		i++;
	return i;
}

void gate_plan_env(struct gate_plan_writer *w, const char *pair)
{
	size_t at = find_env(w, pair, key_length(pair));

	if (at == w->envc) {
		append(w, &w->envp, &w->envc, &w->cap_envp, pair);
		return;
	}
	const char *copy = gate_arena_text(&w->arena, pair, strlen(pair));
	if (copy != NULL)
		w->envp[at] = copy;
	else
		no_memory(w);
}

void gate_plan_unset(struct gate_plan_writer *w, const char *key)
{
	size_t at = find_env(w, key, strlen(key));

	if (at == w->envc)
		return;
	memmove(&w->envp[at], &w->envp[at + 1], (w->envc - at - 1) * sizeof(*w->envp));
	w->envc--;
}

const char *gate_plan_env_get(const struct gate_plan_writer *w, const char *key)
{
	size_t at = find_env(w, key, strlen(key));

	if (at == w->envc || w->envp[at][strlen(key)] != '=')
		return NULL;
	return w->envp[at] + strlen(key) + 1;
}

/* --- the order --- */
/* The steps are numbered in the order of a launch; those that build the file system depend on each other as they were
 * added (a volume lies on another). */
static unsigned rank(const struct gate_plan_writer *w, const struct gate_row *row)
{
	if (w->joins_user && (row->step == GATE_STEP_SESSION || row->step == GATE_STEP_CGROUP ||
	                      row->step == GATE_STEP_OOM || row->step == GATE_STEP_RLIMIT))
		return GATE_STEP_NONE;
	return row->step >= GATE_STEP_ATTACH && row->step < GATE_STEP_PIVOT ? GATE_STEP_ATTACH : row->step;
}

/* Insertion: few rows, mostly in order, and stable. */
void gate_plan_sort(struct gate_plan_writer *w)
{
	for (size_t i = 1; i < w->n_lines; i++) {
		struct gate_plan_line moved = w->lines[i];
		size_t at = i;

		for (; at > 0 && rank(w, &w->lines[at - 1].row) > rank(w, &moved.row); at--)
			w->lines[at] = w->lines[at - 1];
		w->lines[at] = moved;
	}
}

/* --- the message --- */
static size_t aligned(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Where the parts lie. */
struct layout {
	size_t rows, argv, envp, filter, texts, size;
};

static struct layout lay_out(const struct gate_plan_writer *w)
{
	struct layout l;

	l.rows = aligned(sizeof(struct gate_plan));
	l.argv = l.rows + w->n_lines * sizeof(struct gate_row);
	l.envp = l.argv + (w->argc + 1) * sizeof(uint64_t);
	l.filter = l.envp + (w->envc + 1) * sizeof(uint64_t);
	l.texts = l.filter + w->filter_len * 8;
	l.size = l.texts + w->texts.len;
	return l;
}

static void put_list(struct gate_plan_writer *w, char *to, const char *const *list, size_t n, size_t texts)
{
	uint64_t *offsets = (uint64_t *)(void *)to;

	for (size_t i = 0; i < n; i++)
		offsets[i] = texts + gate_plan_string(w, list[i]);
	offsets[n] = 0;
}

static void put_rows(const struct gate_plan_writer *w, char *to, uint32_t texts)
{
	struct gate_row *rows = (struct gate_row *)(void *)to;

	for (size_t i = 0; i < w->n_lines; i++) {
		rows[i] = w->lines[i].row;
		for (size_t t = 0; t < GATE_ARRAY_LEN(rows[i].text); t++)
			if (rows[i].text[t] != 0)
				rows[i].text[t] += texts;
	}
}

/* The strings of argv and envp go to the end of the texts; everything before them is written at its place. */
static char *build(struct gate_plan_writer *w, size_t *size)
{
	struct layout l = lay_out(w);
	struct gate_plan head = w->head;
	char *message = calloc(1, l.texts);

	if (message == NULL)
		return no_memory(w), NULL;
	head.rows = (uint32_t)l.rows;
	head.n_rows = (uint32_t)w->n_lines;
	head.n_fds = (uint32_t)w->n_fds;
	head.argv = (uint32_t)l.argv;
	head.argc = (uint32_t)w->argc;
	head.envp = (uint32_t)l.envp;
	head.envc = (uint32_t)w->envc;
	head.filter = w->filter_len != 0 ? (uint32_t)l.filter : 0;
	head.filter_len = (uint32_t)w->filter_len;
	head.id = head.id != 0 ? head.id + (uint32_t)l.texts : 0;
	head.name = head.name != 0 ? head.name + (uint32_t)l.texts : 0;
	for (uint32_t i = 0; i < head.n_cgroups; i++)
		head.cgroups[i].name += head.cgroups[i].name != 0 ? (uint32_t)l.texts : 0;
	put_rows(w, message + l.rows, (uint32_t)l.texts);
	put_list(w, message + l.argv, w->argv, w->argc, l.texts);
	put_list(w, message + l.envp, w->envp, w->envc, l.texts);
	if (w->filter_len != 0)
		memcpy(message + l.filter, w->filter, w->filter_len * 8);
	*size = l.texts + w->texts.len;
	if (w->failed.code == GATE_OK && *size > GATE_PLAN_BYTES_MAX)
		fail(w, GATE_E_LIMIT, "arguments and environment are larger than 8 MiB");
	head.size = (uint32_t)*size;
	memcpy(message, &head, sizeof(head));
	char *whole = w->failed.code == GATE_OK ? realloc(message, *size) : NULL;
	if (whole == NULL) {
		no_memory(w);
		free(message);
		return NULL;
	}
	memcpy(whole + l.texts, w->texts.data, w->texts.len);
	return whole;
}

static int write_whole(int fd, const char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int gate_plan_seal(struct gate_plan_writer *w, int *memfd, size_t *size, struct gate_err *err)
{
	size_t len = 0;

	gate_plan_sort(w);
	GATE_AUTOFREE char *message = w->failed.code == GATE_OK ? build(w, &len) : NULL;

	if (message == NULL) {
		gate_err_set(err, w->failed.code, w->failed.sys, "%s", w->failed.text);
		return -1;
	}
	const char *wrong = gate_plan_check(message, len, w->n_fds);
	if (wrong != NULL)
		return GATE_FAIL(err, GATE_E_PROTO, "the launch plan contradicts itself: %s", wrong);
	int fd = memfd_create("callgate-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot make memory for the launch plan");
	if (write_whole(fd, message, len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot write the launch plan");
		(void)close(fd);
		return -1;
	}
	*memfd = fd;
	if (size != NULL)
		*size = len;
	return 0;
}
