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
/* No two members of an object have the same key; the duplicate that is reported is the one that comes first. */
int gate_doc_check_keys(const struct gate_doc *items, size_t n, struct gate_err *err);

/* The first thing in a checked text that is not JSON, as an error with its place; -1. Returns 0, with *err
 * untouched, if the text is JSON after all. */
int gate_doc_diagnose(const char *text, size_t len, struct gate_err *err);

/* The place of byte `pos`. */
struct gate_place gate_doc_place(const char *text, size_t pos, size_t end);

/* For messages: at most 40 characters, no control characters, NUL-terminated. */
#define GATE_DOC_EXCERPT 512 /* 40 characters of 12 bytes when escaped, and dots */
const char *gate_doc_excerpt(char out[GATE_DOC_EXCERPT], const char *s, size_t len);

#endif
