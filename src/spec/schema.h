/* schema.h - JSON objects to structs by tables, and back. For definitions that were described elsewhere by a schema (Marathon's
 * RAML): names, types, bounds and defaults stand in one table each, and this walks it.
 *
 * Everything that is wrong is collected, with its path as Marathon writes it ("/container/volumes(0)/mode"), not only the
 * first. Unknown keys are faults: what somebody wrote is honoured or refused, never dropped. Pure. */
#ifndef GATE_SPEC_SCHEMA_H
#define GATE_SPEC_SCHEMA_H

#include "doc/doc.h"

/* --- faults --- */
struct gate_fault {
	const char *path, *text;
};
struct gate_faults {
	struct gate_arena *arena;
	struct gate_fault *at;
	size_t n, cap;
	bool schema;    /* the sentences of Metronome's JSON schema validator instead of Marathon's */
	bool malformed; /* a value of the wrong type or out of its bounds: Marathon answers "Invalid JSON" */
	bool failed;    /* memory was gone */
};
#define GATE_FAULTS_MAX 64 /* more are counted as one */
void gate_faults_init(struct gate_faults *f, struct gate_arena *arena);
void gate_faults_done(struct gate_faults *f);
void gate_fault(struct gate_faults *f, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* {"message":…,"details":[{"path":…,"errors":[…]},…]}: one entry for each path. */
void gate_faults_write(const struct gate_faults *f, struct gate_buf *out);
/* "/networks(0)/mode: error.expected.jsstring; …" as an error: INVALID. */
int gate_faults_fail(const struct gate_faults *f, struct gate_err *err);

/* --- tables --- */
enum gate_field_kind {
	GATE_FIELD_TEXT = 1, /* const char * */
	GATE_FIELD_BOOL,     /* bool */
	GATE_FIELD_INT,      /* int64_t */
	GATE_FIELD_REAL,     /* double */
	GATE_FIELD_WORD,     /* int: place in `words`, from 1 */
	GATE_FIELD_TEXTS,    /* struct gate_texts */
	GATE_FIELD_LINES,    /* struct gate_lines: an array of arrays of texts */
	GATE_FIELD_INTS,     /* struct gate_ints */
	GATE_FIELD_PAIRS,    /* struct gate_pairs: an object of texts */
	GATE_FIELD_OBJECT,   /* pointer to a struct of schema `of` */
	GATE_FIELD_OBJECTS,  /* struct gate_objects */
	GATE_FIELD_RAW,      /* const struct gate_doc *: judged by the caller */
	GATE_FIELD_IGNORED   /* what the server itself writes: may come back, says nothing */
};
enum {
	GATE_FIELD_REQUIRED = 1 << 0,
	GATE_FIELD_SHOWN = 1 << 1, /* lists and maps: written when they are empty, too */
	GATE_FIELD_FORCED = 1 << 2 /* … when they are empty and were said */
};

struct gate_texts {
	const char **at;
	size_t n;
};
struct gate_lines {
	struct gate_texts *at;
	size_t n;
};
struct gate_ints {
	int64_t *at;
	size_t n;
};
struct gate_named {
	const char *key, *value;
};
struct gate_pairs {
	struct gate_named *at;
	size_t n;
};
struct gate_objects {
	void *at; /* array of structs */
	size_t n;
};

struct gate_schema;
struct gate_field {
	const char *name;
	enum gate_field_kind kind;
	size_t at; /* offset in the struct */
	const struct gate_schema *of;
	const char *const *words; /* NULL at the end */
	double least, most;       /* numbers: when least < most; texts (of TEXT and TEXTS): lengths, 0 most: any */
	bool (*ok)(const char *text);
	const char *fallback; /* as it is written in JSON; texts without quotes */
	unsigned flags;
};
/* Every struct begins with `uint64_t said`: bit i for field i of its table (fields with a fallback count as said). */
struct gate_schema {
	const struct gate_field *fields; /* NULL name at the end; at most 64 */
	size_t size;
};

/* `whole`: required fields must be there, and missing ones get their fallback. Strings live in `arena`, RAW in the document's.
 * null is "not said". Faults go to `f`; -1 only when memory is gone. */
int gate_schema_read(const struct gate_schema *s, const struct gate_doc *object, const char *path, bool whole,
                     struct gate_arena *arena, void *ret, struct gate_faults *f);
/* Members into an open object, in the order of the table. */
void gate_schema_write(const struct gate_schema *s, const void *from, struct gate_json *j);
/* Bit of a field by name; 0: no such field. */
uint64_t gate_schema_bit(const struct gate_schema *s, const char *name);

/* --- constraints --- */
/* A regular expression of the simple kind (literals, ".", "[…]", "\x", each with "*", "+" or "?", and "|" outermost) on the
 * whole text: 1 it matches, 0 it does not, -1 not of that kind. */
int gate_simple_match(const char *pattern, const char *text);
/* What this host has for the field of a constraint: its name for "hostname" and "@hostname", else the value of the attribute
 * ("rack:r1;zone:west", as Mesos takes them). NULL: it has none, or memory is gone. */
const char *gate_host_field(struct gate_arena *arena, const char *hostname, const char *attributes, const char *field);
/* The same text, or the same number. */
bool gate_field_is(const char *here, const char *wanted);

#endif
