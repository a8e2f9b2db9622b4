#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/num.h"
#include "spec/words.h"

/* "12.5" up to the first other byte: the value in units of 1/1000000, and how many bytes it took; 0 when it is none. */
static size_t decimal(const char *text, size_t len, uint64_t *whole, uint64_t *millionths)
{
	size_t n = 0, point;
	uint64_t part = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	if (n == 0 || n > 18 || gate_u64_parse(text, n, UINT64_MAX, whole) < 0)
		return 0;
	*millionths = 0;
	if (n == len || text[n] != '.')
		return n;
	point = n++;
	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	if (n == point + 1 || n > point + 7)
		return 0;
	for (size_t i = point + 1; i < point + 7; i++)
		part = part * 10 + (i < n ? (uint64_t)(text[i] - '0') : 0);
	*millionths = part;
	return n;
}

/* whole.millionths times `unit`, rounded down. Units are at most 2^40, so that the fraction cannot overflow. */
static int scaled(uint64_t whole, uint64_t millionths, uint64_t unit, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_mul_overflow(whole, unit, &v) || __builtin_add_overflow(v, millionths * unit / 1000000, &v))
		return -2;
	*ret = v;
	return 0;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int gate_word_size(const char *text, size_t len, uint64_t *ret)
{
	static const char units[] = "bkmgt";
	uint64_t whole, part, unit = 1;
	size_t n = decimal(text, len, &whole, &part);

	if (n == 0)
		return -1;
	if (n < len && text[n] == ' ')
		n++;
	const char *u = n < len ? strchr(units, lower(text[n])) : NULL;

	if (u != NULL && *u != '\0') {
		unit = UINT64_C(1) << (10 * (u - units));
		n++;
		if (unit > 1 && n < len && lower(text[n]) == 'i')
			n++;
		if (unit > 1 && n < len && lower(text[n]) == 'b')
			n++;
	}
	return n == len ? scaled(whole, part, unit, ret) : -1;
}

int gate_word_cpus(const char *text, uint64_t *ret)
{
	uint64_t whole, part;
	size_t len = strlen(text);

	if (decimal(text, len, &whole, &part) != len || len == 0)
		return -1;
	return scaled(whole, part, 100000, ret);
}

int gate_word_time(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	uint64_t whole, part;
	size_t n = decimal(text, strlen(text), &whole, &part);

	for (size_t i = 0; n > 0 && i < GATE_ARRAY_LEN(units); i++)
		if (strcmp(text + n, units[i].name) == 0)
			return scaled(whole, part, units[i].ms, ret_ms);
	return -1;
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP },   { "INT", SIGINT },       { "QUIT", SIGQUIT }, { "ILL", SIGILL },     { "TRAP", SIGTRAP },
	{ "ABRT", SIGABRT }, { "IOT", SIGIOT },       { "BUS", SIGBUS },   { "FPE", SIGFPE },     { "KILL", SIGKILL },
	{ "USR1", SIGUSR1 }, { "SEGV", SIGSEGV },     { "USR2", SIGUSR2 }, { "PIPE", SIGPIPE },   { "ALRM", SIGALRM },
	{ "TERM", SIGTERM }, { "CHLD", SIGCHLD },     { "CLD", SIGCHLD },  { "CONT", SIGCONT },   { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },     { "TTOU", SIGTTOU }, { "URG", SIGURG },     { "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH }, { "IO", SIGIO },
	{ "POLL", SIGPOLL }, { "PWR", SIGPWR },       { "SYS", SIGSYS },
};
const char gate_word_signals[] =
    "HUP|INT|QUIT|ILL|TRAP|ABRT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|TERM|CHLD|CONT|STOP|TSTP|"
    "TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|PWR|SYS|SIGHUP|SIGINT|SIGQUIT|SIGKILL|SIGTERM|"
    "SIGUSR1|SIGUSR2|SIGWINCH";

/* The first real-time signal of programs: glibc and musl keep 32 and 33 to themselves (nptl(7)). */
enum { RTMIN = 34, RTMAX = 64 };

int gate_word_signal(const char *text, int *ret)
{
	uint64_t n;
	int number = gate_u64_parse(text, strlen(text), RTMAX, &n);
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

	if (number == -2 || (number == 0 && n == 0))
		return -2;
	if (number == 0) {
		*ret = (int)n;
		return 0;
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0) {
			*ret = signals[i].number;
			return 0;
		}
	bool max = strncasecmp(name, "RTMAX", 5) == 0;

	if (!max && strncasecmp(name, "RTMIN", 5) != 0)
		return -1;
	if (name[5] == '\0') {
		*ret = max ? RTMAX : RTMIN;
		return 0;
	}
	if (name[5] != (max ? '-' : '+') || gate_u64_parse(name + 6, strlen(name + 6), RTMAX - RTMIN, &n) < 0)
		return -1;
	*ret = max ? RTMAX - (int)n : RTMIN + (int)n;
	return 0;
}

int gate_word_bool(const char *text, size_t len, bool *ret)
{
	static const char *const words[] = { "1", "t", "T", "true",  "True",  "TRUE",
		                             "0", "f", "F", "false", "False", "FALSE" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) {
			*ret = i < GATE_ARRAY_LEN(words) / 2;
			return 0;
		}
	return -1;
}

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "as", RLIMIT_AS },           { "core", RLIMIT_CORE },         { "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },       { "fsize", RLIMIT_FSIZE },       { "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },       { "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },     { "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};
const char gate_word_limits[] =
    "as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack";

int gate_word_limit(const char *name, size_t len)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(limits); i++)
		if (strlen(limits[i].name) == len && memcmp(limits[i].name, name, len) == 0)
			return limits[i].resource;
	return -1;
}

int gate_word_signed(const char *text, int64_t least, int64_t most, int64_t *ret)
{
	bool negative = text[0] == '-';
	const char *digits = text + (negative || text[0] == '+');
	uint64_t n;
	int done = gate_u64_parse(digits, strlen(digits), INT64_MAX, &n);

	if (done < 0)
		return done;
	if ((negative ? -(int64_t)n : (int64_t)n) < least || (!negative && (int64_t)n > most))
		return -2;
	*ret = negative ? -(int64_t)n : (int64_t)n;
	return 0;
}

const char *gate_word_near(const char *word, size_t len, const char *choices, char ret[GATE_NEAR_MAX])
{
	const char *best = NULL;
	unsigned least = len > 3 ? 3 : 2; /* a short word is near to everything */

	ret[0] = '\0';
	for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL) {
		unsigned d = gate_distance(word, len, c, strcspn(c, "|"), 2);

		if (d < least) {
			least = d;
			best = c;
		}
	}
	if (best != NULL)
		(void)snprintf(ret, GATE_NEAR_MAX, " (did you mean '%.*s'?)", (int)strcspn(best, "|"), best);
	return ret;
}
