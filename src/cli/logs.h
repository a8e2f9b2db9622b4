/* logs.h - the log files of a task as one row of entries, also while the keeper writes and renames them. */
#ifndef GATE_CLI_LOGS_H
#define GATE_CLI_LOGS_H

#include "base/base.h"
#include "keeper/log.h"

struct gate_log_reader {
	int dir;      /* the task's directory; borrowed */
	int fd;       /* the file being read, or -1 */
	bool lost;    /* files were dropped before we had read them */
	bool damaged; /* the rest of a file could not be read as entries */
	size_t at, len;
	char *buffer;
};

/* Begins with the oldest file. */
int gate_log_reader_init(struct gate_log_reader *r, int dir, struct gate_err *err);
void gate_log_reader_done(struct gate_log_reader *r);
/* 1 and the next entry, whose bytes are valid until the next call; 0: nothing more now; -1. */
int gate_log_reader_next(struct gate_log_reader *r, struct gate_log_entry *ret, struct gate_err *err);

#endif
