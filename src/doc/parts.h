/* parts.h - how the reader is cut: a check before the library, the library, a diagnosis after it refused.
 * Only src/doc includes this. */
#ifndef GATE_DOC_PARTS_H
#define GATE_DOC_PARTS_H

#include "doc/doc.h"

/* A place in a text that only moves forward, so that every byte is counted once. Lines end at '\n'; columns are
 * characters. */
struct gate_cursor {
	const char *text;
	size_t pos;
	uint32_t line, column;
};
#define GATE_CURSOR_INIT(text)                                                                                         \
	{                                                                                                              \
		(text), 0, 1, 1                                                                                        \
	}

static inline void gate_cursor_to(struct gate_cursor *c, size_t pos)
{
	for (; c->pos < pos; c->pos++) {
		unsigned char byte = (unsigned char)c->text[c->pos];

		if (byte == '\n') {
			c->line++;
			c->column = 1;
		} else {
			c->column += (byte & 0xc0) != 0x80;
		}
	}
}

struct gate_doc_shape {
	bool ascii;    /* every byte is a character */
	size_t values; /* at most so many */
};

/* What must hold before the library sees a byte: size, UTF-8, no mark, no NUL, depth, number of values. */
int gate_doc_check(const char *text, size_t len, size_t max, size_t values, struct gate_doc_shape *ret,
                   struct gate_err *err);

/* The part of it that any language needs: size, UTF-8, no mark, no NUL. `language` for messages. */
int gate_doc_check_text(const char *text, size_t len, size_t max, const char *language, bool *ascii,
                        struct gate_err *err);
/* --- the tree while it is read (tree.c) --- */
struct gate_doc_level {
	size_t first; /* index of its first item on the stack */
	size_t me;    /* index of the container itself */
	bool object, after_key;
};
struct gate_doc_tree {
	struct gate_arena *arena;
	struct gate_doc
	    *stack; /* finished values whose containers are open, and the open containers; freed by the reader */
	size_t n, cap, depth;
	struct gate_doc_level levels[GATE_DOC_DEPTH + 1];
	const char *key; /* the key read last, for the value to come */
	uint32_t key_len;
	struct gate_place key_at;
};
static inline const struct gate_doc_level *gate_doc_level(const struct gate_doc_tree *t)
{
	return &t->levels[t->depth];
}
/* Is what comes next a member's key? */
static inline bool gate_doc_wants_key(const struct gate_doc_tree *t)
{
	return t->depth > 0 && gate_doc_level(t)->object && !gate_doc_level(t)->after_key;
}
void gate_doc_key(struct gate_doc_tree *t, const char *text, size_t len, struct gate_place at);
/* A new value on top of the stack, with its key if it is a member. NULL: memory is gone. */
struct gate_doc *gate_doc_push(struct gate_doc_tree *t, enum gate_doc_kind kind, struct gate_place at,
                               struct gate_err *err);
/* `depth` has been checked. */
int gate_doc_open(struct gate_doc_tree *t, bool object, struct gate_place at, struct gate_err *err);
/* The innermost container is whole. SYNTAX: a key is there twice; the one that comes second first is reported. */
int gate_doc_close(struct gate_doc_tree *t, struct gate_err *err);
/* libfyaml 0.7.12 does not survive every failed allocation: fy_parser_set_string dereferences NULL. So ask first for
 * what it can need; measured are 410 to 720 bytes for each value. */
int gate_doc_ask_memory(size_t values, struct gate_err *err);

/* The first thing in a checked text that is not JSON, as an error with its place; -1. Returns 0, with *err
 * untouched, if the text is JSON after all. */
int gate_doc_diagnose(const char *text, size_t len, struct gate_err *err);

/* The place of byte `pos`. */
struct gate_place gate_doc_place(const char *text, size_t pos, size_t end);

/* For messages: at most 40 characters, no control characters, NUL-terminated. */
#define GATE_DOC_EXCERPT 512 /* 40 characters of 12 bytes when escaped, and dots */
const char *gate_doc_excerpt(char out[GATE_DOC_EXCERPT], const char *s, size_t len);

#endif
