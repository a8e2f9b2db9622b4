/* Broken and hostile profiles: every case of tests/fixtures/bad gets exactly the message that stands beside it, in a
 * child that may use 64 MiB more than it was born with and a second of processor time. With sanitizers there is no child: to
 * fork takes them longer than all the rest, and a report of theirs ends the test either way.
 *
 * A file is a list of cases:
 *   case NAME        begins one
 *   in ENGINE        who reads it; callgate itself when absent
 *   | TEXT           a line of the profile, as it is
 *   > TEXT           a piece without a line end; \\ \n \t \xNN are read
 *   * N TEXT         such a piece N times; %d in it counts from 0
 *   = OUTCOME        what must come of it, one line each, in order:
 *                    "error LINE:COLUMN: text" of reading or resolving, else every warning and error found:
 *                    "T8 warning LINE:COLUMN: text", or "clean": large, but nothing is wrong
 *   # …              is a remark
 * test-profile-bad --print FILE writes FILE with the outcomes of today, for review. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "common.h"

#define MEMORY (64u << 20)
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#define SECONDS (SANITIZED ? 10 : 1)

struct cases {
	const char *file;
	FILE *in;
	char *line;
	size_t cap;
	unsigned number; /* of the line */
	bool pending;    /* `line` was read, and belongs to the next case */
};

struct one {
	char name[128];
	enum gate_engine engine;
	struct gate_buf text, want, source; /* source: the lines up to the outcomes, for --print */
	unsigned line;
};

static void die(const struct cases *c, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", c->file, c->number, what);
	exit(1);
}

/* --- a case file --- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void unescape(const struct cases *c, struct gate_buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		char byte;

		if (*s != '\\') {
			gate_buf_add(out, s, 1);
			continue;
		}
		s++;
		if (*s == 'x' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			byte = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else if (*s == 'n' || *s == 't' || *s == '\\') {
			byte = *s == 'n' ? '\n' : *s == 't' ? '\t' : '\\';
		} else {
			die(c, "unknown escape");
		}
		gate_buf_add(out, &byte, 1);
	}
}

/* N copies; %d in the text is the number of the copy. */
static void repeat(const struct cases *c, struct gate_buf *out, const char *s)
{
	GATE_AUTO(gate_buf_done) struct gate_buf piece = GATE_BUF_INIT;
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*end++ != ' ')
		die(c, "a number and a space are meant");
	unescape(c, &piece, end);
	if (piece.failed || piece.data == NULL)
		die(c, "nothing to repeat");
	for (unsigned long i = 0; i < n; i++) {
		const char *from = piece.data, *stop = piece.data + piece.len, *mark;

		while ((mark = memmem(from, (size_t)(stop - from), "%d", 2)) != NULL) {
			gate_buf_add(out, from, (size_t)(mark - from));
			gate_buf_printf(out, "%lu", i);
			from = mark + 2;
		}
		gate_buf_add(out, from, (size_t)(stop - from));
	}
}

static bool next_line(struct cases *c)
{
	ssize_t n;

	if (c->pending) {
		c->pending = false;
		return true;
	}
	n = getline(&c->line, &c->cap, c->in);
	if (n <= 0)
		return false;
	if (c->line[n - 1] == '\n')
		c->line[n - 1] = '\0';
	c->number++;
	return true;
}

static void take_line(struct cases *c, struct one *o)
{
	const char *line = c->line, *rest = line[0] != '\0' && line[1] == ' ' ? line + 2 : "";

	switch (line[0]) {
	case '|':
		gate_buf_puts(&o->text, rest);
		gate_buf_puts(&o->text, "\n");
		break;
	case '>':
		unescape(c, &o->text, rest);
		break;
	case '*':
		repeat(c, &o->text, rest);
		break;
	case '=':
		gate_buf_printf(&o->want, "%s\n", rest);
		return;
	case '#':
	case '\0':
		break;
	case 'i':
		if (strncmp(line, "in ", 3) != 0 || (o->engine = gate_engine_by_name(line + 3, strlen(line + 3))) == 0)
			die(c, "unknown engine");
		break;
	default:
		die(c, "unknown line");
	}
	if (line[0] != '\0')
		gate_buf_printf(&o->source, "%s\n", line);
}

static bool next_case(struct cases *c, struct one *o, FILE *remarks)
{
	bool in_case = false;

	*o = (struct one){ .engine = GATE_ENGINE_NATIVE };
	while (next_line(c)) {
		if (strncmp(c->line, "case ", 5) != 0) {
			if (in_case)
				take_line(c, o);
			else if (c->line[0] != '\0' && c->line[0] != '#')
				die(c, "a case is meant");
			else if (remarks != NULL && c->line[0] == '#')
				fprintf(remarks, "%s\n", c->line);
			continue;
		}
		if (in_case) {
			c->pending = true;
			return true;
		}
		in_case = true;
		o->line = c->number;
		snprintf(o->name, sizeof(o->name), "%s", c->line + 5);
	}
	return in_case;
}

static void one_done(struct one *o)
{
	gate_buf_done(&o->text);
	gate_buf_done(&o->want);
	gate_buf_done(&o->source);
}

/* --- what comes of it --- */

static void say_findings(int fd, const struct gate_findings *f)
{
	for (size_t i = 0; i < gate_findings_count(f); i++) {
		const struct gate_finding *x = gate_findings_at(f, i);

		if (x->severity >= GATE_WARNING)
			dprintf(fd, "%s %s %u:%u: %s\n", x->id, x->severity == GATE_ERROR ? "error" : "warning", x->line,
			        x->column, x->text);
	}
}

/* Reading without and with a list of findings must end alike. */
static void outcome(int fd, const struct one *o)
{
	const char *text = o->text.data != NULL ? o->text.data : "";
	struct gate_err err = GATE_ERR_INIT, again = GATE_ERR_INIT;
	struct gate_facts facts = host();
	struct gate_profile *p = NULL;
	struct gate_rules *rules = NULL;
	struct gate_findings *f = NULL;
	int rc = gate_profile_read("case", text, o->text.len, o->engine, NULL, &p, &err);

	if (gate_findings_new(&f, &again) < 0)
		dprintf(fd, "no memory for findings\n");
	gate_profile_free(p);
	p = NULL;
	if (gate_profile_read("case", text, o->text.len, o->engine, f, &p, &again) != rc ||
	    strcmp(err.text, again.text) != 0 || err.line != again.line || err.column != again.column)
		dprintf(fd, "with findings: %u:%u: %s\n", again.line, again.column, again.text);
	if (rc < 0 && err.code != GATE_E_LIMIT && gate_findings_worst(f) != GATE_ERROR)
		dprintf(fd, "no finding is an error\n");
	if (rc == 0)
		rc = gate_profile_resolve(p, &facts, NULL, &rules, &err);
	if (rc < 0)
		dprintf(fd, "error %u:%u: %s\n", err.line, err.column, err.text);
	if (p != NULL && gate_profile_lint(p, &facts, f, &again) < 0)
		dprintf(fd, "lint: %s\n", again.text);
	gate_findings_sort(f);
	if (rc == 0 && gate_findings_worst(f) < GATE_WARNING)
		dprintf(fd, "clean\n");
	else if (rc == 0)
		say_findings(fd, f);
	gate_rules_free(rules);
	gate_profile_free(p);
	gate_findings_free(f);
}

static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL || fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit(void)
{
	rlim_t now = address_space();
	struct rlimit memory = { now + MEMORY, now + MEMORY }, cpu = { SECONDS, SECONDS + 1 };

	if (now != 0)
		setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CPU, &cpu);
}

/* The case in this process: the time limit is moved on. */
static void run_here(const struct one *o, struct gate_buf *got)
{
	struct rusage used;
	struct rlimit cpu = { 0, RLIM_INFINITY };
	char chunk[4096];
	FILE *f = tmpfile();
	size_t n;

	if (f == NULL || getrusage(RUSAGE_SELF, &used) < 0) {
		perror("a temporary file");
		exit(1);
	}
	cpu.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1 + SECONDS);
	setrlimit(RLIMIT_CPU, &cpu);
	outcome(fileno(f), o);
	rewind(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		gate_buf_add(got, chunk, n);
	fclose(f);
}

/* Runs a case in a child; *got holds what it said, and how it ended if not well. */
static void run_beside(const struct one *o, struct gate_buf *got)
{
	int fds[2], status = 0;
	char chunk[4096];
	ssize_t n;
	pid_t pid;

	if (pipe(fds) < 0 || (pid = fork()) < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		close(fds[0]);
		limit();
		outcome(fds[1], o);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], chunk, sizeof(chunk))) > 0)
		gate_buf_add(got, chunk, (size_t)n);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		gate_buf_printf(got, "killed by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		gate_buf_printf(got, "exit status %d\n", WEXITSTATUS(status));
}

static void run(const struct one *o, struct gate_buf *got)
{
	(SANITIZED ? run_here : run_beside)(o, got);
	if (got->data == NULL)
		gate_buf_puts(got, "");
}

/* --- all files --- */

static struct cases open_cases(const char *path)
{
	struct cases c = { .file = path, .in = fopen(path, "re") };

	if (c.in == NULL) {
		perror(path);
		exit(1);
	}
	return c;
}

static void close_cases(struct cases *c)
{
	fclose(c->in);
	free(c->line);
}

static int print(const char *path)
{
	struct cases c = open_cases(path);
	struct one o;

	for (bool first = true; next_case(&c, &o, first ? stdout : NULL); first = false) {
		GATE_AUTO(gate_buf_done) struct gate_buf got = GATE_BUF_INIT;

		run(&o, &got);
		printf("\ncase %s\n%s", o.name, o.source.data != NULL ? o.source.data : "");
		for (char *line = got.data, *next; line != NULL && *line != '\0'; line = next) {
			next = strchr(line, '\n');
			printf("= %.*s\n", (int)(next - line), line);
			next++;
		}
		one_done(&o);
	}
	close_cases(&c);
	return 0;
}

static size_t run_file(const char *path, size_t *bad)
{
	struct cases c = open_cases(path);
	struct one o;
	size_t n = 0;

	for (; next_case(&c, &o, NULL); n++) {
		GATE_AUTO(gate_buf_done) struct gate_buf got = GATE_BUF_INIT;
		const char *want = o.want.data != NULL ? o.want.data : "";

		run(&o, &got);
		if (want[0] == '\0' || got.data == NULL || strcmp(got.data, want) != 0) {
			print_message("%s:%u: case %s\n  wanted\n%s  got\n%s", path, o.line, o.name, want, got.data);
			++*bad;
		}
		one_done(&o);
	}
	close_cases(&c);
	return n;
}

static int is_cases(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 6 && strcmp(d->d_name + len - 6, ".cases") == 0;
}

static void every_case_gets_exactly_its_message(void **state)
{
	struct dirent **list = NULL;
	int n = scandir(FIXTURES, &list, is_cases, alphasort);
	size_t total = 0, bad = 0;

	(void)state;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", FIXTURES, list[i]->d_name);
		total += run_file(path, &bad);
		free(list[i]);
	}
	free(list);
	print_message("%zu broken or hostile profiles in %d files, %zu wrong\n", total, n, bad);
	assert_int_equal(bad, 0);
	assert_true(total >= 400);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_gets_exactly_its_message),
	};

	if (argc == 3 && strcmp(argv[1], "--print") == 0)
		return print(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
