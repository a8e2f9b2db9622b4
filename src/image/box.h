/* box.h - the processes that read what strangers wrote: no file but those beneath one directory, no network, no other
 * process, a filter that knows their few calls. A flaw in a library for archives stays in there. */
#ifndef GATE_IMAGE_BOX_H
#define GATE_IMAGE_BOX_H

#include <callgate/bpf.h>
#include <sys/types.h>

#include "base/base.h"

/* What a boxed process has to say at its end; it is not trusted, and checked by gate_box_wait. */
struct gate_box_report {
	struct gate_err err; /* code GATE_OK: it went well */
	uint64_t bytes, entries, devices, xattrs;
};

/* The two profiles, compiled and proven before the first fork. */
struct gate_box_filters {
	struct gate_insn *decompress, *unpack;
	size_t n_decompress, n_unpack;
};
int gate_box_filters_make(struct gate_box_filters *ret, struct gate_err *err);
void gate_box_filters_done(struct gate_box_filters *f);

struct gate_box {
	const char *what; /* "unpacking": for messages */
	int in, out;      /* become descriptors 0 and 1; out -1: /dev/null */
	int root; /* becomes the root directory; -1: an empty one is not needed, the filter lets no file be opened */
	const struct gate_insn *filter;
	size_t filter_len;
	/* Runs in the box; never returns to the caller. */
	void (*run)(void *ctx, struct gate_box_report *report);
	void *ctx;
	pid_t pid; /* set by gate_box_start */
	int report;
};
int gate_box_start(struct gate_box *b, struct gate_err *err);
/* Waits; fails with what the box reported or how it died. */
int gate_box_wait(struct gate_box *b, struct gate_box_report *ret, struct gate_err *err);
/* Kills what still runs. */
void gate_box_end(struct gate_box *b);

#endif
