/* source.h - the inside of a source, shared by the files of this layer. */
#ifndef GATE_SOURCE_SOURCE_H
#define GATE_SOURCE_SOURCE_H

#include <callgate/source.h>

#include "base/arena.h"
#include "base/digest.h"
#include "profile/rules.h"
#include "source/process.h"

struct gate_source {
	enum gate_source_kind kind;
	enum gate_engine engine; /* of a profile */
	char *word, *file;
	const char *text; /* a profile's bytes, NUL-terminated */
	char *own_text;   /* where they were read to; NULL for the built-in ones */
	size_t len;
	bool builtin;
	struct gate_facts facts;
	struct gate_program_part *parts; /* of a program, newest first */
	size_t n_parts;
	/* Made when first needed. */
	struct gate_profile *profile;
	struct gate_rules *rules;
};

/* The resolved rules of a profile source. */
int gate_source_rules(struct gate_source *s, const struct gate_rules **ret, struct gate_err *err);

/* A profile from its text, wherever that came from: `file` is what errors and places name. The text is copied. */
int gate_source_of_text(const char *file, const char *text, size_t len, enum gate_engine engine,
                        const struct gate_facts *facts, struct gate_source **ret, struct gate_err *err);

/* A predicate over argument words as words: "arg0 == 40 or arg0 & 0x7e020000 == 0". At most `most` pieces; *cut tells
 * that there are more. Appends to `out`. */
struct gate_buf;
void gate_describe(const struct gate_space *space, gate_policy predicate, unsigned most, struct gate_buf *out,
                   bool *cut);
/* One side of a test in words: "arg1 != 0x5412". */
void gate_describe_cond(const struct gate_cond *cond, struct gate_buf *out);

/* Every leaf of a policy once; at most `most`, -1 when there are more. */
int gate_policy_leaves(struct gate_space *space, gate_policy p, uint32_t *leaves, size_t most);

/* The built-in profile, made from profiles/default.json at build time. */
extern const char gate_default_text[];
extern const size_t gate_default_len;
extern const struct gate_digest gate_default_digest;
/* SHA-256 of a profile's bytes: known for the built-in one, which spares a warm run most of its own work. */
void gate_source_bytes_digest(const struct gate_source *s, struct gate_digest *ret);

/* --- cache.c: one entry per key in a directory of ours --- */
struct gate_cache_key {
	struct gate_digest digest;
};
void gate_cache_key(const struct gate_source *s, struct gate_cache_key *ret);
/* True, with everything but `cached` filled, when there is a sound entry. */
bool gate_cache_get(const char *dir, const struct gate_cache_key *key, struct gate_compiled *ret);
void gate_cache_put(const char *dir, const struct gate_cache_key *key, const struct gate_compiled *c);

#endif
