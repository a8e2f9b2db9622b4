#include <sha2.h>
#include <stdio.h>

#include "base/digest.h"

void gate_digest_pieces(const struct gate_piece *pieces, size_t n, struct gate_digest *ret)
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	for (size_t i = 0; i < n; i++) {
		uint8_t length[8];

		for (unsigned k = 0; k < 8; k++)
			length[k] = (uint8_t)((uint64_t)pieces[i].len >> (8 * k));
		SHA256Update(&ctx, length, sizeof(length));
		SHA256Update(&ctx, pieces[i].data, pieces[i].len);
	}
	SHA256Final(ret->bytes, &ctx);
}

void gate_digest_bytes(const void *data, size_t len, struct gate_digest *ret)
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, data, len);
	SHA256Final(ret->bytes, &ctx);
}

void gate_digest_text(const struct gate_digest *d, char text[GATE_DIGEST_TEXT])
{
	char *p = stpcpy(text, "sha256:");

	for (size_t i = 0; i < sizeof(d->bytes); i++, p += 2)
		(void)snprintf(p, 3, "%02x", d->bytes[i]);
}
