#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cli/tasks.h"
#include "spec/words.h"

const struct gate_option gate_options_state[] = {
	{ "state-dir", 0, "DIR", NULL, NULL, GATE_OPERAND_FILE,
	  "where tasks are kept (default: /run/callgate, or callgate in $XDG_RUNTIME_DIR)" },
	{ 0 },
};

struct gate_store *gate_ask_store(const struct gate_cli *cli)
{
	GATE_AUTO(gate_store_closep) struct gate_store *s = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_store_open(gate_option_text(cli, "state-dir"), &s, &err) < 0) {
		(void)gate_trouble(cli, NULL, &err);
		return NULL;
	}
	if (gate_store_sweep(s, &err) < 0) /* said, but what is asked for can still be done */
		gate_say(cli, "warning: cleaning up: %s", err.text);
	return GATE_TAKE(&s);
}

int gate_each_task(const struct gate_cli *cli, struct gate_store *s, gate_each_fn *fn)
{
	struct gate_entry e;
	int status = 0;

	for (int i = 0; i < cli->n_operands; i++) {
		struct gate_err err = GATE_ERR_INIT;

		if (gate_store_find(s, cli->operands[i], &e, &err) < 0 || fn(cli, s, cli->operands[i], &e, &err) < 0)
			status = gate_trouble(cli, NULL, &err);
		(void)fflush(stdout); /* who waits for several sees each when it is so */
	}
	return status;
}

/* --- talk --- */
/* The next frame of one of two types; others are not for us. 0 and its type in head, or -1 at the end. */
static int await(int fd, uint32_t one, uint32_t other, struct gate_frame *head, void *bytes)
{
	int passed, result;

	do {
		result = gate_frame_receive(fd, head, bytes, GATE_FRAME_BYTES_MAX, &passed);
		if (passed >= 0)
			(void)close(passed);
	} while (result > 0 && head->type != one && head->type != other);
	return result > 0 ? 0 : -1;
}

static int ask(struct gate_store *s, const char *id, uint32_t type, uint64_t a, uint64_t b, struct gate_err *err)
{
	char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	int fd;

	if (gate_container_connect(s, id, &fd, err) < 0)
		return -1;
	bool heard = gate_frame_send(fd, type, a, b, NULL, 0) == 0 &&
	             await(fd, GATE_FRAME_DONE, GATE_FRAME_REFUSED, &head, bytes) == 0;

	(void)close(fd);
	if (!heard) /* it ended at this moment */
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%.12s' is not running", id);
	if (head.type == GATE_FRAME_DONE)
		return 0;
	errno = (int)head.a;
	return errno == ESRCH ? GATE_FAIL(err, GATE_E_NOTFOUND, "container '%.12s' is not running", id)
	                      : GATE_FAIL_SYS(err, "the keeper of '%.12s' refused", id);
}

int gate_task_stop(struct gate_store *s, const char *id, int sig, uint64_t ms, struct gate_err *err)
{
	return ask(s, id, GATE_FRAME_STOP, (uint64_t)sig, ms, err);
}

int gate_task_signal(struct gate_store *s, const char *id, int sig, struct gate_err *err)
{
	return ask(s, id, GATE_FRAME_SIGNAL, (uint64_t)sig, 0, err);
}

/* One connection's worth of waiting: true when the end came. */
static bool wait_once(int fd, struct gate_record *ret)
{
	char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	bool known = false;

	if (gate_frame_send(fd, GATE_FRAME_WAIT, 0, 0, NULL, 0) < 0)
		return false;
	/* RECORD: with --rm, before the task's directory is deleted; good enough when the keeper is killed at that. */
	while (await(fd, GATE_FRAME_ENDED, GATE_FRAME_RECORD, &head, bytes) == 0 && head.len == sizeof(*ret)) {
		memcpy(ret, bytes, sizeof(*ret));
		known = gate_record_check(ret, sizeof(*ret)) && ret->state == GATE_TASK_ENDED;
		if (head.type == GATE_FRAME_ENDED)
			break;
	}
	return known;
}

int gate_task_wait(struct gate_store *s, const char *id, struct gate_record *ret, struct gate_err *err)
{
	const struct timespec nap = { 0, 20000000 };
	struct gate_record r = { 0 };
	struct gate_entry e;
	int fd;

	for (;;) {
		if (gate_store_find(s, id, &e, err) < 0)
			return -1;
		if (e.state == GATE_TASK_ENDED) {
			*ret = e.record;
			return 0;
		}
		if (e.state == GATE_TASK_LOST)
			return GATE_FAIL(err, GATE_E_NOTFOUND,
			                 "container '%.12s' is lost: its keeper is gone, how it ended is not known",
			                 id);
		/* One that is being started does not listen yet, one that is ending no more. */
		if (gate_container_connect(s, id, &fd, NULL) == 0) {
			bool over = wait_once(fd, &r);

			(void)close(fd);
			if (over) {
				*ret = r;
				return 0;
			}
		}
		(void)nanosleep(&nap, NULL);
	}
}

int gate_signal_parse(const char *text, int *ret, struct gate_err *err)
{
	char near[GATE_NEAR_MAX];

	if (gate_word_signal(text, ret) == 0)
		return 0;
	return GATE_FAIL(err, GATE_E_INVALID, "unknown signal '%s'%s", text,
	                 gate_word_near(text, strlen(text), gate_word_signals, near));
}
