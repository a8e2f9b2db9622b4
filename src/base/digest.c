#include <assert.h>
#include <sha2.h>

#include "base/digest.h"

void gate_digest_series(gate_piece_fn *fn, const void *ctx, size_t n, struct gate_digest *ret)
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	for (size_t i = 0; i < n; i++) {
		struct gate_piece piece = fn(ctx, i);
		uint8_t length[8];

		for (unsigned k = 0; k < 8; k++)
			length[k] = (uint8_t)((uint64_t)piece.len >> (8 * k));
		SHA256Update(&sha, length, sizeof(length));
		SHA256Update(&sha, piece.data, piece.len);
	}
	SHA256Final(ret->bytes, &sha);
}

static struct gate_piece of_array(const void *ctx, size_t i)
{
	return ((const struct gate_piece *)ctx)[i];
}

void gate_digest_pieces(const struct gate_piece *pieces, size_t n, struct gate_digest *ret)
{
	gate_digest_series(of_array, pieces, n, ret);
}

void gate_digest_bytes(const void *data, size_t len, struct gate_digest *ret)
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, data, len);
	SHA256Final(ret->bytes, &ctx);
}

static_assert(sizeof(SHA2_CTX) <= sizeof(struct gate_digest_stream), "room for libmd's state");

void gate_digest_start(struct gate_digest_stream *s)
{
	SHA256Init((SHA2_CTX *)(void *)s->state);
}

void gate_digest_add(struct gate_digest_stream *s, const void *data, size_t len)
{
	SHA256Update((SHA2_CTX *)(void *)s->state, data, len);
}

void gate_digest_end(struct gate_digest_stream *s, struct gate_digest *ret)
{
	SHA256Final(ret->bytes, (SHA2_CTX *)(void *)s->state);
}

void gate_digest_text(const struct gate_digest *d, char text[GATE_DIGEST_TEXT])
{
	char *p = stpcpy(text, "sha256:");

	for (size_t i = 0; i < sizeof(d->bytes); i++) {
		*p++ = "0123456789abcdef"[d->bytes[i] >> 4];
		*p++ = "0123456789abcdef"[d->bytes[i] & 15];
	}
	*p = '\0';
}
