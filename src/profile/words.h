/* words.h - words of a profile beyond those in model.h, and how untrusted words are shown. Within this layer. */
#ifndef GATE_PROFILE_WORDS_H
#define GATE_PROFILE_WORDS_H

#include "base/num.h"
#include "profile/model.h"

/* SECCOMP_FILTER_FLAG_* as the kernel numbers it; 0 = unknown, or not for files. */
uint32_t gate_flag_by_word(const char *s, size_t len);

enum gate_word_kind { GATE_WORD_ACTION = 1, GATE_WORD_OPERATOR, GATE_WORD_FLAG, GATE_WORD_KIND_MAX };
/* The word that was probably meant, or NULL. */
const char *gate_word_suggest(enum gate_word_kind kind, const char *s, size_t len);

/* Text from a file for a message: control characters as \xNN, what is not ASCII as \uNNNN, cut at 72 bytes. */
struct gate_shown {
	char s[84];
};
struct gate_shown gate_show(const char *s, size_t len);

#endif
