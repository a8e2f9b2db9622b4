/* output.h - what a container wrote, as a file of bytes: the entries of one stream out of the keeper's log files, oldest first. */
#ifndef GATE_MESOS_OUTPUT_H
#define GATE_MESOS_OUTPUT_H

#include "mesos/parts.h"

/* Bytes of the stream (GATE_LOG_STDOUT or _STDERR) that are kept, and those from `offset` on, `most` at most, added to `out` (NULL:
 * only counted). *mtime_ns: of the newest entry; 0: nothing was written. -1 when the log cannot be opened. */
int gate_mesos_output(struct gate_mesos *m, const char *container, uint32_t stream, uint64_t offset, uint64_t most,
                      struct gate_buf *out, uint64_t *size, uint64_t *mtime_ns);

#endif
