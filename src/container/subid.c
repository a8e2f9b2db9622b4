#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "container/prepare.h"
#include "container/subid.h"

#define FILE_MAX (1 << 20)

static bool parse_line(const char *line, size_t len, const char *const *names, size_t n, struct gate_subid *ret)
{
	const char *first = memchr(line, ':', len), *end = line + len;
	const char *second = first != NULL ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	uint64_t start, count;
	bool ours = false;

	if (second == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		ours = ours ||
		       (strlen(names[i]) == (size_t)(first - line) && memcmp(names[i], line, strlen(names[i])) == 0);
	if (!ours || gate_u64_parse(first + 1, (size_t)(second - first - 1), UINT32_MAX, &start) != 0 ||
	    gate_u64_parse(second + 1, (size_t)(end - second - 1), UINT32_MAX, &count) != 0)
		return false;
	/* 0 is root; 4294967295 is nobody's. */
	if (start == 0 || count == 0 || start + count > UINT32_MAX)
		return false;
	*ret = (struct gate_subid){ (uint32_t)start, (uint32_t)count };
	return true;
}

bool gate_subid_parse(const char *text, size_t len, const char *const *names, size_t n, struct gate_subid *ret)
{
	for (size_t at = 0; at < len;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t line = newline != NULL ? (size_t)(newline - text) - at : len - at;

		if (parse_line(text + at, line, names, n, ret))
			return true;
		at += line + 1;
	}
	return false;
}

static bool look_up(const char *file, const char *const *names, size_t n, struct gate_subid *ret)
{
	GATE_AUTOFREE char *text = malloc(FILE_MAX);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 && text != NULL ? read(fd, text, FILE_MAX) : -1;

	if (fd >= 0)
		(void)close(fd);
	return len > 0 && gate_subid_parse(text, (size_t)len, names, n, ret);
}

bool gate_subid_find(const char *file, uid_t uid, struct gate_subid *ret)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_identity who;
	char number[32];
	const char *names[] = { number, number };

	/* With a group, because one that the host does not know must be named, too. */
	(void)snprintf(number, sizeof(number), "%u:%u", uid, uid);
	if (gate_identity_in(-1, number, NULL, 0, &arena, &who, NULL) == 0 && who.name[0] != '\0')
		names[1] = who.name;
	(void)snprintf(number, sizeof(number), "%u", uid);
	return look_up(file, names, GATE_ARRAY_LEN(names), ret);
}

bool gate_subid_reserved(struct gate_subid *ret)
{
	static const char *const names[] = { "callgate", "containers" };
	struct gate_subid uids, gids;

	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++)
		if (look_up(GATE_SUBUID, &names[i], 1, &uids) && look_up(GATE_SUBGID, &names[i], 1, &gids) &&
		    uids.start == gids.start) {
			*ret = (struct gate_subid){ uids.start, uids.count < gids.count ? uids.count : gids.count };
			return true;
		}
	return false;
}
