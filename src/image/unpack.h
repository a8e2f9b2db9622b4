/* unpack.h - one layer, or one archive, from a descriptor to a directory.
 *
 *   blob -> [box: decompress] -> this process: SHA-256, limits -> [box: tar to files] -> directory
 * The process that computes the digest parses nothing: whoever takes over one of the boxes cannot make a layer pass for
 * another one. libarchive is used in unpack.c only. */
#ifndef GATE_IMAGE_UNPACK_H
#define GATE_IMAGE_UNPACK_H

#include "base/digest.h"

#define GATE_UNPACK_BYTES   (32ull << 30) /* of the archive, uncompressed */
#define GATE_UNPACK_ENTRIES 4000000u
/* More than `free` bytes must not come out at more than `ratio` to one. Sparse images of disks reach some hundreds. */
#define GATE_UNPACK_FREE  (4ull << 30)
#define GATE_UNPACK_RATIO 200u

struct gate_unpack {
	bool layer; /* whiteouts, attributes, owners; else the files of an archive */
	uint64_t max_bytes, max_entries, free_bytes, ratio; /* 0: those above */
};
struct gate_unpacked {
	uint64_t bytes; /* of file contents */
	uint64_t entries, devices, xattrs;
	struct gate_digest diff; /* of the uncompressed archive */
};
/* `blob` is read from where it stands to its end; `dir` must be empty. What was written before a failure stays: the
 * caller removes the directory. */
int gate_unpack(int blob, int dir, const struct gate_unpack *how, struct gate_unpacked *ret, struct gate_err *err);

#endif
