/* digest.h - SHA-256 (libmd, only here), as 32 bytes and as text. */
#ifndef GATE_BASE_DIGEST_H
#define GATE_BASE_DIGEST_H

#include "base/base.h"

struct gate_digest {
	uint8_t bytes[32];
};
#define GATE_DIGEST_TEXT 72 /* "sha256:" + 64 hex digits + NUL */

/* Several pieces, each with its length in front of it, so that ("ab","c") and ("a","bc") differ. */
struct gate_piece {
	const void *data;
	size_t len;
};
void gate_digest_pieces(const struct gate_piece *pieces, size_t n, struct gate_digest *ret);
/* The same of pieces that are not in an array: `fn` gives the i-th. */
typedef struct gate_piece gate_piece_fn(const void *ctx, size_t i);
void gate_digest_series(gate_piece_fn *fn, const void *ctx, size_t n, struct gate_digest *ret);
/* Plain SHA-256 of bytes, as sha256sum(1) prints it. */
void gate_digest_bytes(const void *data, size_t len, struct gate_digest *ret);
/* The same of bytes that come one after the other. */
struct gate_digest_stream {
	_Alignas(16) unsigned char state[256];
};
void gate_digest_start(struct gate_digest_stream *s);
void gate_digest_add(struct gate_digest_stream *s, const void *data, size_t len);
void gate_digest_end(struct gate_digest_stream *s, struct gate_digest *ret);
void gate_digest_text(const struct gate_digest *d, char text[GATE_DIGEST_TEXT]);

#endif
