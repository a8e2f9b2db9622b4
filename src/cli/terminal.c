#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/attach.h"

/* One process has one terminal to give back, also when it crashes: so this is global. */
static struct termios before;
static volatile sig_atomic_t is_raw;
static bool known;

uint32_t gate_terminal_size(void)
{
	static const int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct winsize size;

	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		if (ioctl(fds[i], TIOCGWINSZ, &size) == 0)
			return (uint32_t)size.ws_row << 16 | size.ws_col;
	return 0;
}

/* Setting attributes from the background stops us (SIGTTOU): right when raw is wanted, wrong when giving back. */
static int set(const struct termios *to)
{
	int result;

	do
		result = tcsetattr(STDIN_FILENO, TCSADRAIN, to);
	while (result < 0 && errno == EINTR);
	return result;
}

void gate_terminal_restore(void)
{
	sigset_t ttou, old;

	if (is_raw == 0)
		return;
	is_raw = 0;
	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)set(&before);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void on_crash(int sig)
{
	gate_terminal_restore();
	(void)raise(sig); /* SA_RESETHAND: now as it would have been */
}

static void restore_on_every_way_out(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction act = { .sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

	for (size_t i = 0; i < GATE_ARRAY_LEN(crashes); i++)
		(void)sigaction(crashes[i], &act, NULL);
	(void)atexit(gate_terminal_restore);
}

bool gate_terminal_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &raw) < 0)
		return false;
	if (!known) {
		before = raw;
		known = true;
		restore_on_every_way_out();
	}
	raw = before;
	cfmakeraw(&raw);
	is_raw = 1; /* first: a crash between the two would leave it raw */
	if (set(&raw) == 0)
		return true;
	is_raw = 0;
	return false;
}

void gate_terminal_warn(const struct gate_cli *cli, bool terminal)
{
	if (terminal && isatty(STDIN_FILENO) != 1)
		gate_say(cli, "warning: -t, but standard input is no terminal");
}

/* --- detach keys --- */
static int key(const char *s, size_t len)
{
	static const char punctuation[] = "@[\\]^_";

	if (len == 1)
		return (unsigned char)s[0];
	if (len != 6 || strncmp(s, "ctrl-", 5) != 0)
		return -1;
	if (s[5] >= 'a' && s[5] <= 'z')
		return s[5] - 'a' + 1;
	if (s[5] >= 'A' && s[5] <= 'Z')
		return s[5] - 'A' + 1;
	return s[5] != '\0' && strchr(punctuation, s[5]) != NULL ? s[5] - '@' : -1;
}

int gate_keys_parse(const char *text, char ret[GATE_KEYS_MAX])
{
	int n = 0;

	if (text[0] == '\0')
		return 0;
	for (const char *s = text;; s++) {
		size_t len = strcspn(s, ",");
		int k = key(s, len);

		if (k < 0 || n == GATE_KEYS_MAX)
			return -1;
		ret[n++] = (char)k;
		s += len;
		if (*s == '\0')
			return n;
	}
}
