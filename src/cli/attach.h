/* attach.h - being in front of a task: its output becomes ours, our input and signals become its.
 *
 * With a terminal ours is raw meanwhile, and as it was before on every way out: the end, a detach, a signal that ends us, a
 * stop (^Z from another terminal), a crash. */
#ifndef GATE_CLI_ATTACH_H
#define GATE_CLI_ATTACH_H

#include "cli/cli.h"
#include "container/container.h"

struct gate_attach {
	int socket;       /* to the keeper, attached (GATE_PLAN_ATTACHED, or ATTACH was sent); stays the caller's */
	int pidfd;        /* of the task's first process, or -1: signals go through the keeper */
	uint32_t pid;     /* its number, 0: unknown */
	bool interactive; /* -i: our standard input is the task's */
	bool terminal;    /* -t: the task has one */
	bool sig_proxy;   /* our signals are forwarded */
	const char *keys; /* --detach-keys; NULL: ctrl-p,ctrl-q; "": none. Only with interactive and terminal */
};
/* Until the task has ended, or the detach keys were typed. *ret is the record that the keeper sent; its state says which:
 * ENDED, RUNNING (detached), LOST (the keeper is gone, which was said). Returns the exit status: that of the task, 0 when
 * detached, our own failure's when lost. */
int gate_attach(const struct gate_cli *cli, const struct gate_attach *a, struct gate_record *ret);

/* "ctrl-p,ctrl-q", "a,ctrl-]" to bytes: their number, or -1 when it is not understood. */
#define GATE_KEYS_MAX 16
int gate_keys_parse(const char *text, char ret[GATE_KEYS_MAX]);

/* --- terminal.c --- */
/* Rows << 16 | columns of our terminal, 0 when there is none. */
uint32_t gate_terminal_size(void);
/* Standard input becomes raw; how it was is kept once. False when it is no terminal. */
bool gate_terminal_raw(void);
/* As it was. Async-signal-safe. */
void gate_terminal_restore(void);
/* Warns when -t was asked for and standard input is no terminal: we go on, as podman does. */
void gate_terminal_warn(const struct gate_cli *cli, bool terminal);

#endif
