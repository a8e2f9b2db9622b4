#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

struct gate_source *gate_ask_source(const struct gate_cli *cli, const char *word, const struct gate_facts *facts)
{
	struct gate_source *source = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_source_open(word, facts, &source, &err) == 0)
		return source;
	(void)gate_trouble(cli, NULL, &err);
	return NULL;
}

static bool open_next(const struct gate_cli *cli, struct gate_asked *a, struct gate_err *err)
{
	struct gate_source *source = gate_ask_source(cli, cli->operands[a->n], &a->facts);

	if (source == NULL)
		return false;
	a->sources[a->n++] = source;
	if (gate_source_policy(source, a->space, &a->policies[a->n - 1], err) == 0)
		return true;
	(void)gate_trouble(cli, source, err);
	return false;
}

bool gate_ask(const struct gate_cli *cli, int n, struct gate_asked *ret)
{
	struct gate_err err = GATE_ERR_INIT;

	*ret = (struct gate_asked){ 0 };
	ret->sources = calloc((size_t)n, sizeof(struct gate_source *));
	ret->policies = calloc((size_t)n, sizeof(gate_policy));
	if (ret->sources == NULL || ret->policies == NULL) {
		gate_say(cli, "out of memory");
		return false;
	}
	if (gate_cli_facts(cli, &ret->facts, &err) < 0 || gate_space_new(NULL, &ret->space, &err) < 0) {
		(void)gate_trouble(cli, NULL, &err);
		return false;
	}
	while (ret->n < n)
		if (!open_next(cli, ret, &err))
			return false;
	return true;
}

void gate_asked_done(struct gate_asked *a)
{
	for (int i = 0; i < a->n; i++)
		gate_source_free(a->sources[i]);
	free(a->sources);
	free(a->policies);
	gate_space_free(a->space);
	*a = (struct gate_asked){ 0 };
}

bool gate_ask_compile(const struct gate_cli *cli, struct gate_source *source, bool cache, struct gate_compiled **ret)
{
	struct gate_err err = GATE_ERR_INIT;
	char dir[4096];

	if (gate_source_compile(source, cache && gate_cache_dir(dir, sizeof(dir)) == 0 ? dir : NULL, ret, &err) == 0)
		return true;
	(void)gate_trouble(cli, source, &err);
	return false;
}

bool gate_ask_call(const struct gate_cli *cli, const char *text, enum gate_arch arch, struct gate_call *ret)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_call_parse(text, arch, ret, &err) == 0)
		return true;
	gate_say(cli, "%s", err.text);
	if (err.code == GATE_E_SYNTAX && err.column > 0)
		gate_hint(
		    cli,
		    "column %u of '%s'; a call is written as mkdir, socket(40), openat(_, _, 0x41), x86:socketcall(1) or 165",
		    err.column, text);
	return false;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Beside the file and renamed over it, so that nobody ever reads half a profile. What is no regular file (a pipe,
 * /dev/stdout) is written to as it is. */
static int write_file(const char *path, const char *data, size_t len, struct gate_err *err)
{
	GATE_AUTOFREE char *temporary = NULL;
	struct stat st;
	mode_t mask = umask(0);
	bool other = stat(path, &st) == 0 && !S_ISREG(st.st_mode);

	(void)umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return GATE_FAIL_NOMEM(err);
	}
	int fd = other ? open(path, O_WRONLY | O_CLOEXEC) : mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot write '%s'", path);
	bool bad = write_all(fd, data, len) < 0 || (!other && fchmod(fd, 0666 & ~mask) < 0);

	if (close(fd) < 0 || bad || (!other && rename(temporary, path) < 0)) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot write '%s'", path);
		if (!other)
			(void)unlink(temporary);
		return -1;
	}
	return 0;
}

bool gate_ask_write(const struct gate_cli *cli, const char *data, size_t len)
{
	const char *path = gate_option_text(cli, "output");
	struct gate_err err = GATE_ERR_INIT;

	if (path == NULL || strcmp(path, "-") == 0) {
		(void)fwrite(data, 1, len, stdout); /* checked when the program ends */
		return true;
	}
	if (write_file(path, data, len, &err) == 0)
		return true;
	(void)gate_trouble(cli, NULL, &err);
	return false;
}
