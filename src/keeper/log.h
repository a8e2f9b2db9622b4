/* log.h - what a task wrote: the form of its log files, written by the keeper, read by `callgate logs`.
 *
 * The files "out", "out.1", … lie in the task's directory, "out" the newest. Each is a row of entries: a head, then `len`
 * bytes as the task wrote them. A file begins with a head and never holds part of an entry but when the keeper was killed
 * while it wrote the last one. Entries are not lines: a line can be in several, and one can hold many.
 * Pure, but for gate_log_write's system calls; no allocation; compiled for the keeper as well. */
#ifndef GATE_KEEPER_LOG_H
#define GATE_KEEPER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_LOG_ENTRY_MAX 65536 /* bytes of one entry */
#define GATE_LOG_FILES_MAX 100
#define GATE_LOG_FILE_MIN  4096 /* the smallest size-cap of one file */

enum { GATE_LOG_STDOUT = 1, GATE_LOG_STDERR = 2 }; /* a terminal's output is STDOUT */

struct gate_log_head {
	uint64_t time_ns; /* CLOCK_REALTIME, when the keeper read it */
	uint32_t stream;
	uint32_t len;
};

/* --- reading --- */
struct gate_log_entry {
	uint64_t time_ns;
	uint32_t stream, len;
	const unsigned char *bytes; /* in the buffer that was given */
};
enum gate_log_result {
	GATE_LOG_END = 0, /* exactly at the end */
	GATE_LOG_ENTRY,   /* *ret is filled, *at moved behind it */
	GATE_LOG_PART, /* the entry at *at is not all in the buffer: read more, or the keeper was killed while writing it */
	GATE_LOG_BROKEN /* what is at *at is no entry */
};
/* The next entry of a buffer of `size` bytes from a log file. */
enum gate_log_result gate_log_next(const void *buffer, size_t size, size_t *at, struct gate_log_entry *ret);
/* "out", "out.1", …: into ret[16]. */
void gate_log_name(unsigned index, char ret[16]);

/* --- writing --- */
struct gate_log {
	int dir;            /* the task's directory; borrowed */
	int fd;             /* "out", or -1 before the first entry and after a failed rotation */
	uint32_t files;     /* how many are kept */
	uint64_t max, size; /* of one file */
	uint64_t dropped;   /* bytes of output that could not be written */
};
/* max 0: nothing is ever written, and nothing counted. */
void gate_log_init(struct gate_log *log, int dir, uint64_t max, uint32_t files);
/* One entry, or several when it is more than one can hold; rotates before it would pass the cap. What cannot be written whole (a full
 * disk) is taken back and counted in `dropped`; it is tried again with the next entry. */
void gate_log_write(struct gate_log *log, uint64_t time_ns, uint32_t stream, const void *bytes, uint32_t len);
void gate_log_done(struct gate_log *log);

#endif
