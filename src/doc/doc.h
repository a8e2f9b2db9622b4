/* doc.h - JSON and YAML text to a tree with places (libfyaml, only in this layer), and JSON out.
 *
 * Pure. Refused, each with its place: text that is not UTF-8, a byte-order mark, NUL bytes, more than
 * GATE_DOC_MAX bytes or GATE_DOC_VALUES values, nesting deeper than GATE_DOC_DEPTH, duplicate keys, comments, trailing commas and text after
 * the value, escaped NULs in strings. Numbers stay text: the schema decides. */
#ifndef GATE_DOC_DOC_H
#define GATE_DOC_DOC_H

#include "base/arena.h"
#include "base/buf.h"

#define GATE_DOC_MAX    (1u << 20) /* bytes */
#define GATE_DOC_DEPTH  32
#define GATE_DOC_VALUES 32768 /* bounds memory: the largest real profile has 1,300 */

enum gate_doc_kind {
	GATE_DOC_NULL = 1,
	GATE_DOC_BOOL,
	GATE_DOC_NUMBER,
	GATE_DOC_STRING,
	GATE_DOC_ARRAY,
	GATE_DOC_OBJECT
};

/* 64 bytes on a 64-bit host: a profile has some 700 of them, and touching fresh memory costs more than reading. */
struct gate_doc {
	enum gate_doc_kind kind;
	struct gate_place at;     /* of the value as written, quotes included; for arrays and objects of the bracket */
	struct gate_place key_at; /* of a member's key, quotes included */
	uint32_t key_len;
	uint32_t len, n_items;
	const char *key;        /* a member of an object: its key, unescaped, NUL-terminated */
	const char *text;       /* scalars: unescaped, NUL-terminated ("true", "1e3" as written) */
	struct gate_doc *items; /* arrays and objects: contiguous, in file order */
};

/* Exactly one JSON value. The tree lives in `arena`; `text` need not outlive the call. On GATE_E_SYNTAX the message
 * says what was found, what is wrong and, where it can be told (comment, trailing comma, single quotes, …), what
 * was meant. */
int gate_doc_read(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                  struct gate_err *err);
/* The same with bounds of the caller's for bytes and values: for answers of a program that is trusted, such as an agent. */
int gate_doc_read_most(struct gate_arena *arena, const char *text, size_t len, size_t max, size_t values,
                       const struct gate_doc **ret, struct gate_err *err);
/* One YAML document as the same tree, for files that people write (configuration). Plain scalars follow the core schema:
 * null, true and false, numbers as JSON writes them; everything else is a string ("no", "010" and "0x10" too). Refused, each
 * with its place: anchors, aliases, tags, merge keys, keys that are no scalars, duplicate keys, a second document, more than
 * GATE_DOC_YAML_MAX bytes, and what gate_doc_read refuses of any text. An empty text is null. */
#define GATE_DOC_YAML_MAX (1u << 18) /* bytes */
int gate_doc_read_yaml(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                       struct gate_err *err);
/* A member of an object by exact key, or NULL. */
const struct gate_doc *gate_doc_member(const struct gate_doc *object, const char *key);
const char *gate_doc_kind_name(enum gate_doc_kind kind); /* "a string", "an object", … for messages */

/* --- writer: into a gate_buf; a misuse is a GATE_CHECK. indent 0 = everything on one line. --- */
struct gate_json {
	struct gate_buf *out;
	unsigned indent, depth;
	uint64_t comma; /* bit d: something was already written at depth d */
	bool after_key;
};
void gate_json_init(struct gate_json *j, struct gate_buf *out, unsigned indent);
void gate_json_object(struct gate_json *j);
void gate_json_array(struct gate_json *j);
void gate_json_end(struct gate_json *j, char bracket); /* '}' or ']' */
void gate_json_key(struct gate_json *j, const char *key);
void gate_json_text(struct gate_json *j, const char *s); /* NULL writes null; invalid UTF-8 becomes U+FFFD */
void gate_json_textn(struct gate_json *j, const char *s, size_t len);
void gate_json_u64(struct gate_json *j, uint64_t n);
void gate_json_i64(struct gate_json *j, int64_t n);
/* The shortest text that reads back as the same number: 0.1, 128, 1e+30. What JSON cannot say (infinite, not a number): null. */
void gate_json_double(struct gate_json *j, double d);
/* A value that is JSON already, on one line. NULL writes null. */
void gate_json_raw(struct gate_json *j, const char *json);
void gate_json_bool(struct gate_json *j, bool b);
void gate_json_null(struct gate_json *j);

#endif
