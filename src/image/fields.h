/* fields.h - members of an object with the type that they must have. */
#ifndef GATE_IMAGE_FIELDS_H
#define GATE_IMAGE_FIELDS_H

#include "doc/doc.h"

/* The whole text as an object. */
int gate_field_root(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                    struct gate_err *err);
/* A member of a kind; missing or null: *ret NULL, or NOTFOUND's sentence when `needed`. */
int gate_field(const struct gate_doc *object, const char *key, enum gate_doc_kind kind, bool needed,
               const struct gate_doc **ret, struct gate_err *err);
/* A string, copied to the arena; "" when missing. */
int gate_field_text(struct gate_arena *arena, const struct gate_doc *object, const char *key, const char **ret,
                    struct gate_err *err);
/* An array of strings with NULL at the end; empty when missing. */
int gate_field_texts(struct gate_arena *arena, const struct gate_doc *object, const char *key, const char ***ret,
                     size_t *n, struct gate_err *err);
int gate_field_size(const struct gate_doc *object, const char *key, uint64_t *ret, struct gate_err *err);

#endif
