/* reference.h - what a word for an image means. Pure. */
#ifndef GATE_IMAGE_REFERENCE_H
#define GATE_IMAGE_REFERENCE_H

#include "base/arena.h"

enum gate_reference_kind {
	GATE_REFERENCE_STORE = 1, /* a name */
	GATE_REFERENCE_OCI,       /* oci:DIR[:TAG] */
	GATE_REFERENCE_ARCHIVE,   /* docker-archive:FILE[:REF] */
	GATE_REFERENCE_DOCKER     /* docker://… */
};
struct gate_reference {
	enum gate_reference_kind kind;
	const char *path; /* OCI, ARCHIVE: as given */
	const char *tag;  /* NULL: none */
	const char *name; /* STORE, DOCKER: in full, as it is kept: "docker.io/library/busybox:latest" */
};
/* `exists` tells whether a path is there: a name with ':' in it may be all path. */
int gate_reference_parse(struct gate_arena *arena, const char *text, bool (*exists)(const char *path),
                         struct gate_reference *ret, struct gate_err *err);
/* docker's short names in full: "busybox" is docker.io/library/busybox:latest. */
const char *gate_reference_full(struct gate_arena *arena, const char *name);

#define GATE_REFERENCE_FILE 256
/* A reference as a file's name (%XX), and back. LIMIT when it is too long. */
int gate_reference_escape(const char *reference, char ret[GATE_REFERENCE_FILE], struct gate_err *err);
bool gate_reference_unescape(const char *file, char ret[GATE_REFERENCE_FILE]);

#endif
