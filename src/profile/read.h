/* read.h - the state of one reading, and how it reports. Within this layer. */
#ifndef GATE_PROFILE_READ_H
#define GATE_PROFILE_READ_H

#include "profile/dialect.h"
#include "profile/words.h"

struct gate_reader {
	struct gate_profile *p;
	const struct gate_engine_row *d;
	struct gate_findings *findings; /* may be NULL */
	struct gate_err *err;
	bool failed;   /* an error was reported: the profile will not be returned */
	bool old_name; /* said that the engine does not read 'name' */
	bool gone;     /* memory is gone: nothing more can be read */
};

/* Reports what makes the file meaningless: the first becomes the error, all become findings. */
void gate_read_bad(struct gate_reader *r, const char *id, struct gate_place at, const char *instead, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));
/* A word that is in no table, in the engine's own text (`theirs`, one %s) or in ours. */
void gate_read_unknown(struct gate_reader *r, const char *id, const struct gate_text *t, const char *theirs,
                       const char *what, const char *near);
/* Reports that `object` lacks `key`; a key that looks like it is pointed at. */
void gate_read_missing(struct gate_reader *r, const char *id, const struct gate_doc *object, const char *what,
                       const char *key, const char *instead);
void gate_read_nomem(struct gate_reader *r);
/* True when reading must end here: memory is gone, or one error is all that the caller can take. */
static inline bool gate_read_over(const struct gate_reader *r)
{
	return r->gone || (r->failed && r->findings == NULL);
}

/* One key of an object. `kinds` has bit k set for each enum gate_doc_kind k accepted. */
struct gate_key {
	const char *name;
	unsigned field; /* enum gate_field */
	unsigned kinds;
	void (*read)(struct gate_reader *r, const struct gate_doc *v, void *into);
};
#define GATE_KIND(k) (1u << (k))

/* Reads every member of `object` by its row; null counts as absent except where a row accepts it. */
void gate_read_object(struct gate_reader *r, const struct gate_key *keys, size_t n, const struct gate_doc *object,
                      const char *what, void *into);

struct gate_text gate_read_text(const struct gate_doc *v);
/* An array of strings, into the profile's arena. */
void gate_read_texts(struct gate_reader *r, const struct gate_doc *v, const char *what, struct gate_text **ret,
                     size_t *ret_n);
/* A plain integer 0..max. False, and reported, when it is none. */
bool gate_read_number(struct gate_reader *r, const struct gate_doc *v, const char *what, uint64_t max, uint64_t *ret);
/* The action with its data: `number` is errnoRet or defaultErrnoRet where `has` says so, `word` the string form. */
uint32_t gate_read_action(struct gate_reader *r, const struct gate_text *action, bool has, uint32_t number,
                          struct gate_place number_at, const struct gate_text *word, bool is_default);

/* The ABI of a word of `architectures`, as the engine reads it. */
enum gate_arch gate_read_arch_word(const struct gate_engine_row *d, const char *s, size_t len);

void gate_read_entries(struct gate_reader *r, const struct gate_doc *array);
void gate_read_mesos(struct gate_reader *r, const struct gate_doc *root);

#endif
