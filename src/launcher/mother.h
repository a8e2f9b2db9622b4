/* mother.h - what the mother needs before her loop: the state directory, locks, sockets; and the front's way in. */
#ifndef GATE_LAUNCHER_MOTHER_H
#define GATE_LAUNCHER_MOTHER_H

#include "launcher/parts.h"

struct gate_mother_files {
	int state, lock, workers; /* the directory and the two locks */
	int front_dir, front;     /* its working directory, its program */
	int unix_socket, tls[3], settings, null, signals;
	char *tasks; /* STATE/tasks */
	bool made_socket;
};
void gate_mother_files_init(struct gate_mother_files *f);
/* Makes and opens all of it. CONFLICT: another agent runs on this directory, or listens on this socket. */
int gate_mother_open(const struct gate_mother *m, struct gate_mother_files *f, struct gate_err *err);
void gate_mother_close(const struct gate_mother *m, struct gate_mother_files *f, bool clean);
/* The environment: only what fetching images needs stays. */
void gate_mother_clean_up(void);
/* sd_notify(3), by hand. */
void gate_mother_ready(void);
/* The descriptors of the list become `first`, `first` + 1, … (inherited by programs); all others from `first` on are closed. */
void gate_settle_fds(int first, const int *fds, size_t n);
/* In the front's process: gives up all rights and executes it, or ends. */
__attribute__((noreturn)) void gate_front_exec(const struct gate_mother *m, const struct gate_mother_files *f,
                                               int socket, pid_t mother);

#endif
