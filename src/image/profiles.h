/* profiles.h - the filters of box.h as profiles, embedded by the build. */
#ifndef GATE_IMAGE_PROFILES_H
#define GATE_IMAGE_PROFILES_H

#include <stddef.h>

extern const char gate_decompress_text[], gate_unpack_text[];
extern const size_t gate_decompress_len, gate_unpack_len;

#endif
