#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "kernel/cgroup_tree.h"
#include "task/plan.h"

#define FILE_BYTES_MAX (4U << 20) /* a host with tens of thousands of mounts */

static const struct {
	const char *name;
	uint32_t what;
} controllers[] = {
	{ "cpu", GATE_CGROUP_CPU },
	{ "cpuacct", GATE_CGROUP_CPUACCT },
	{ "memory", GATE_CGROUP_MEMORY },
	{ "pids", GATE_CGROUP_PIDS },
	{ "devices", GATE_CGROUP_DEVICES },
	{ "freezer", GATE_CGROUP_FREEZER },
	{ "name=systemd", GATE_CGROUP_NAMED },
};

uint32_t gate_cgroup_controller(const char *name, size_t len)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(controllers); i++)
		if (strlen(controllers[i].name) == len && memcmp(controllers[i].name, name, len) == 0)
			return controllers[i].what;
	return 0;
}

const char *gate_cgroup_controller_name(uint32_t what)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(controllers); i++)
		if ((controllers[i].what & what) != 0)
			return controllers[i].name;
	return "cgroup2";
}

static uint32_t controllers_of(const char *text, size_t len, const char *separators)
{
	uint32_t what = 0;

	for (size_t i = 0; i < len;) {
		size_t word = 0;

		while (i + word < len && strchr(separators, text[i + word]) == NULL)
			word++;
		what |= gate_cgroup_controller(text + i, word);
		i += word + 1;
	}
	return what;
}

uint32_t gate_cgroup_controllers(const char *text)
{
	return controllers_of(text, strlen(text), " \n");
}

/* --- the two files --- */

struct word {
	const char *at;
	size_t len;
};

/* The next field of a line: fields are separated by exactly one `separator`, and may be empty. */
static bool next_field(const char **line, const char *end, char separator, struct word *ret)
{
	if (*line == NULL)
		return false;
	const char *stop = memchr(*line, separator, (size_t)(end - *line));
	*ret = (struct word){ *line, (size_t)((stop != NULL ? stop : end) - *line) };
	*line = stop != NULL ? stop + 1 : NULL;
	return true;
}

static bool is(struct word w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.at, text, w.len) == 0;
}

/* A path of mountinfo, where the kernel writes blank, tab, newline and backslash as \ooo (seq_path). NULL: not absolute,
 * or not written so. */
static char *unescape(struct gate_arena *arena, struct word w)
{
	char *text = gate_arena_text(arena, w.at, w.len);
	size_t n = 0;

	if (text == NULL || w.len == 0 || text[0] != '/')
		return NULL;
	for (size_t i = 0; i < w.len; i++) {
		unsigned value = 0;

		if (text[i] != '\\') {
			text[n++] = text[i];
			continue;
		}
		if (w.len - i < 4)
			return NULL;
		for (size_t k = 1; k <= 3; k++) {
			if (text[i + k] < '0' || text[i + k] > '7')
				return NULL;
			value = value * 8 + (unsigned)(text[i + k] - '0');
		}
		if (value == 0 || value > 255)
			return NULL;
		text[n++] = (char)value;
		i += 3;
	}
	text[n] = '\0';
	return text;
}

static bool climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return true;
	return false;
}

/* `path` of the hierarchy as seen below a mount of its group `root`. NULL: it is elsewhere. */
static const char *below(const char *root, const char *path)
{
	size_t len = strlen(root);

	if (path[0] != '/' || climbs(path) || climbs(root))
		return NULL;
	if (strcmp(root, "/") == 0)
		return path[1] == '\0' ? "" : path;
	if (strncmp(path, root, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return NULL;
	return path + len;
}

/* The caller's group in the hierarchy `what`, out of /proc/self/cgroup: lines ID:CONTROLLERS:PATH, 0::PATH for v2. */
static int own_group(struct gate_cgroup_tree *t, const char *self, uint32_t what, const char **ret,
                     struct gate_err *err)
{
	unsigned number = 0;

	for (const char *line = self; *line != '\0';) {
		const char *end = strchr(line, '\n'), *rest = line;
		struct word id, list;
		uint64_t value;

		end = end != NULL ? end : line + strlen(line);
		number++;
		if (!next_field(&rest, end, ':', &id) || !next_field(&rest, end, ':', &list) || rest == NULL ||
		    gate_u64_parse(id.at, id.len, UINT32_MAX, &value) < 0 || rest == end || *rest != '/')
			return GATE_FAIL(err, GATE_E_INVALID, "line %u of /proc/self/cgroup is not as cgroups(7) says",
			                 number);
		bool v2 = value == 0 && list.len == 0;
		if (v2 ? what == GATE_CGROUP_V2 : (controllers_of(list.at, list.len, ",") & what) != 0) {
			*ret = gate_arena_text(&t->arena, rest, (size_t)(end - rest));
			return *ret != NULL ? 0 : GATE_FAIL_NOMEM(err);
		}
		line = *end != '\0' ? end + 1 : end;
	}
	*ret = NULL;
	return 0;
}

/* One hierarchy may be mounted several times: a mount through which the caller's group is seen is better, the first of
 * those is taken. */
static int add_mount(struct gate_cgroup_tree *t, const char *self, uint32_t what, const char *root, const char *point,
                     struct gate_err *err)
{
	struct gate_cgroup_hierarchy *h = NULL;
	const char *own;

	for (size_t i = 0; i < t->n; i++)
		if (t->at[i].what == what)
			h = &t->at[i];
	if (h != NULL && h->own != NULL)
		return 0;
	if (own_group(t, self, what, &own, err) < 0)
		return -1;
	own = own != NULL ? below(root, own) : NULL;
	if (h != NULL && own == NULL)
		return 0;
	if (h == NULL && t->n == GATE_CGROUPS_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "more than %d cgroup hierarchies are mounted", GATE_CGROUPS_MAX);
	if (h == NULL)
		h = &t->at[t->n++];
	*h = (struct gate_cgroup_hierarchy){ .what = what, .point = point, .root = root, .own = own };
	return 0;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS. 1: it is a cgroup hierarchy, 0: another mount. */
static int read_mount(struct gate_cgroup_tree *t, const char *line, const char *end, uint32_t *what, const char **root,
                      const char **point)
{
	struct word field[6], tag, type, source, options;
	uint64_t number;

	for (size_t i = 0; i < GATE_ARRAY_LEN(field); i++)
		if (!next_field(&line, end, ' ', &field[i]))
			return -1;
	if (gate_u64_parse(field[0].at, field[0].len, UINT32_MAX, &number) < 0 ||
	    gate_u64_parse(field[1].at, field[1].len, UINT32_MAX, &number) < 0)
		return -1;
	do {
		if (!next_field(&line, end, ' ', &tag))
			return -1;
	} while (!is(tag, "-"));
	if (!next_field(&line, end, ' ', &type) || !next_field(&line, end, ' ', &source) ||
	    !next_field(&line, end, ' ', &options))
		return -1;
	if (is(type, "cgroup2"))
		*what = GATE_CGROUP_V2;
	else if (is(type, "cgroup"))
		*what = controllers_of(options.at, options.len, ",");
	else
		return 0;
	*root = unescape(&t->arena, field[3]);
	*point = unescape(&t->arena, field[4]);
	return *root == NULL || *point == NULL ? -1 : *what != 0;
}

int gate_cgroup_tree_parse(const char *mountinfo, const char *self, struct gate_cgroup_tree *ret, struct gate_err *err)
{
	GATE_AUTO(gate_cgroup_tree_done) struct gate_cgroup_tree t = { .n = 0 };
	unsigned number = 0;

	for (const char *line = mountinfo; *line != '\0';) {
		const char *end = strchr(line, '\n'), *root, *point;
		uint32_t what = 0;

		end = end != NULL ? end : line + strlen(line);
		number++;
		int kind = read_mount(&t, line, end, &what, &root, &point);
		if (kind < 0)
			return GATE_FAIL(err, GATE_E_INVALID, "line %u of /proc/self/mountinfo is not as proc(5) says",
			                 number);
		if (kind > 0 && add_mount(&t, self, what, root, point, err) < 0)
			return -1;
		line = *end != '\0' ? end + 1 : end;
	}
	*ret = t;
	t = (struct gate_cgroup_tree){ .n = 0 };
	return 0;
}

static int read_whole(const char *root, const char *path, struct gate_buf *text, struct gate_err *err)
{
	char name[4096], piece[16384];
	ssize_t n;

	if ((size_t)snprintf(name, sizeof(name), "%s%s", root, path) >= sizeof(name))
		return GATE_FAIL(err, GATE_E_LIMIT, "a path is too long: %s%s", root, path);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open %s", path);
	while ((n = read(fd, piece, sizeof(piece))) > 0 && text->len < FILE_BYTES_MAX)
		gate_buf_add(text, piece, (size_t)n);
	int saved = errno;
	(void)close(fd);
	errno = saved;
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read %s", path);
	if (n > 0)
		return GATE_FAIL(err, GATE_E_LIMIT, "%s is longer than %u bytes", path, FILE_BYTES_MAX);
	gate_buf_add(text, "", 0);
	if (text->failed)
		return GATE_FAIL_NOMEM(err);
	if (text->len > 0 && memchr(text->data, '\0', text->len) != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "%s holds a NUL byte", path);
	return 0;
}

int gate_cgroup_tree_read(const char *root, struct gate_cgroup_tree *ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf mounts = GATE_BUF_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf self = GATE_BUF_INIT;

	if (read_whole(root, "/proc/self/mountinfo", &mounts, err) < 0 ||
	    read_whole(root, "/proc/self/cgroup", &self, err) < 0)
		return -1;
	return gate_cgroup_tree_parse(mounts.data != NULL ? mounts.data : "", self.data != NULL ? self.data : "", ret,
	                              err);
}

void gate_cgroup_tree_done(struct gate_cgroup_tree *t)
{
	gate_arena_done(&t->arena);
	t->n = 0;
}

const struct gate_cgroup_hierarchy *gate_cgroup_tree_find(const struct gate_cgroup_tree *t, uint32_t what)
{
	for (size_t i = 0; i < t->n; i++)
		if ((t->at[i].what & what) != 0)
			return &t->at[i];
	return NULL;
}
