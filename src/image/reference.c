#include <stdio.h>

#include "image/reference.h"

static const char *joined(struct gate_arena *arena, const char *a, const char *b, const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *s = gate_arena_alloc(arena, size);

	if (s != NULL)
		(void)snprintf(s, size, "%s%s%s", a, b, c);
	return s;
}

const char *gate_reference_full(struct gate_arena *arena, const char *name)
{
	size_t first = strcspn(name, "/");
	bool host = name[first] == '/' && (memchr(name, '.', first) != NULL || memchr(name, ':', first) != NULL ||
	                                   (first == 9 && memcmp(name, "localhost", 9) == 0));
	const char *rest = host ? name + first + 1 : name;
	const char *slash = strrchr(name, '/'), *last = slash != NULL ? slash + 1 : name;
	const char *head = host ? "" : strchr(rest, '/') != NULL ? "docker.io/" : "docker.io/library/";
	const char *tag = strchr(last, ':') != NULL || strchr(last, '@') != NULL ? "" : ":latest";

	return joined(arena, head, name, tag);
}

/* What a name consists of in registries, and nothing that could be an option or a path of its own. */
static int check_name(const char *name, struct gate_err *err)
{
	if (name[0] == '\0' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") != strlen(name) ||
	    strchr("-/:@.", name[0]) != NULL || strstr(name, "..") != NULL || strstr(name, "//") != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.200s' is no name of an image", name);
	return 0;
}

static int with_path(struct gate_arena *arena, const char *rest, bool (*exists)(const char *), struct gate_reference *r,
                     struct gate_err *err)
{
	size_t len = strlen(rest);

	for (;;) {
		r->path = gate_arena_text(arena, rest, len);
		if (r->path == NULL)
			return GATE_FAIL_NOMEM(err);
		if (len == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "there is no path");
		r->tag = rest[len] == ':' ? gate_arena_text(arena, rest + len + 1, strlen(rest + len + 1)) : NULL;
		/* docker's names have a ':' themselves ("busybox:latest"): the longest path that is there counts. */
		if (exists(r->path))
			break;
		const char *colon = memrchr(rest, ':', len);

		if (colon == NULL)
			break;
		len = (size_t)(colon - rest);
	}
	if (r->tag != NULL && r->tag[0] == '\0')
		return GATE_FAIL(err, GATE_E_INVALID, "the tag is empty");
	return 0;
}

int gate_reference_parse(struct gate_arena *arena, const char *text, bool (*exists)(const char *path),
                         struct gate_reference *ret, struct gate_err *err)
{
	struct gate_reference r = { 0 };
	int rc = 0;

	if (strncmp(text, "oci:", 4) == 0) {
		r.kind = GATE_REFERENCE_OCI;
		rc = with_path(arena, text + 4, exists, &r, err);
	} else if (strncmp(text, "docker-archive:", 15) == 0) {
		r.kind = GATE_REFERENCE_ARCHIVE;
		rc = with_path(arena, text + 15, exists, &r, err);
	} else if (strncmp(text, "docker://", 9) == 0) {
		r.kind = GATE_REFERENCE_DOCKER;
		rc = check_name(text + 9, err);
		r.name = rc == 0 ? gate_reference_full(arena, text + 9) : NULL;
	} else {
		r.kind = GATE_REFERENCE_STORE;
		rc = check_name(text, err);
		r.name = gate_arena_text(arena, text, strlen(text));
	}
	if (rc == 0 && r.path == NULL && r.name == NULL)
		rc = GATE_FAIL_NOMEM(err);
	if (rc < 0)
		return GATE_NOTE(err, "image '%.200s'", text);
	*ret = r;
	return 0;
}

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

int gate_reference_escape(const char *reference, char ret[GATE_REFERENCE_FILE], struct gate_err *err)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = 0;

	for (const char *p = reference; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (len + 4 > GATE_REFERENCE_FILE)
			return GATE_FAIL(err, GATE_E_LIMIT, "the name of the image is too long");
		if (plain(*p) && !(len == 0 && *p == '.')) {
			ret[len++] = *p;
			continue;
		}
		ret[len++] = '%';
		ret[len++] = digits[c >> 4];
		ret[len++] = digits[c & 15];
	}
	ret[len] = '\0';
	return len > 0 ? 0 : GATE_FAIL(err, GATE_E_INVALID, "the name of the image is empty");
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gate_reference_unescape(const char *file, char ret[GATE_REFERENCE_FILE])
{
	size_t len = 0;

	for (const char *p = file; *p != '\0'; p++) {
		if (len + 1 >= GATE_REFERENCE_FILE)
			return false;
		if (*p != '%') {
			ret[len++] = *p;
			continue;
		}
		if (digit(p[1]) < 0 || digit(p[2]) < 0)
			return false;
		ret[len++] = (char)(digit(p[1]) << 4 | digit(p[2]));
		p += 2;
	}
	ret[len] = '\0';
	return len > 0;
}
