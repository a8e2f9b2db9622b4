/* launch CAPS: runs itself under a filter; inside it says whether it has one. For sweep.sh.
 * Exit: 42 ran under its filter, 99 ran without (never), 125 the launch failed and said why, 124 it failed unsaid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <callgate/run.h>

int main(int argc, char **argv)
{
	const struct gate_insn allow[] = { { 0x06, 0, 0, GATE_RET_ALLOW } };

	if (argc > 1 && strcmp(argv[1], "inside") == 0)
		return prctl(PR_GET_SECCOMP) == 2 ? 42 : 99;
	const char *command[] = { "/proc/self/exe", "inside", NULL };
	const struct gate_run_plan plan = { .argv = command, .insns = allow, .len = 1, .flags = GATE_RUN_FOREGROUND,
		                            .caps = argc > 1 ? strtoull(argv[1], NULL, 0) : 0 };
	struct gate_run_result *result = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_run(&plan, &result, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return strlen(err.text) > 10 ? 125 : 124;
	}
	int code = gate_run_exit_code(result);
	if (result->outcome == GATE_RUN_NOT_STARTED && result->why.text[0] == '\0')
		code = 124;
	gate_run_result_free(result);
	return code;
}
