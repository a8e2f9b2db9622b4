/* ABIs: their words, their tokens. */
#include "abi/tables.h"
#include "abi/words.h"

#define X32_BIT 0x40000000u /* __X32_SYSCALL_BIT, arch/x86/include/uapi/asm/unistd.h */

const struct gate_arch_info *gate_arch_info(enum gate_arch arch)
{
	return arch != GATE_ARCH_NONE && (unsigned)arch < GATE_ARCH_MAX ? &gate_arches[arch].info : NULL;
}

static bool is_alias(const char *aliases, const char *word, size_t len)
{
	while (*aliases != '\0') {
		size_t n = strcspn(aliases, ",");

		if (gate_word_equal(aliases, n, word, len))
			return true;
		aliases += n + (aliases[n] == ',');
	}
	return false;
}

enum gate_arch gate_arch_by_name(const char *name, size_t len)
{
	for (unsigned i = 1; i < GATE_ARCH_MAX; i++) {
		const struct gate_arch_info *info = &gate_arches[i].info;

		if (gate_word_equal(info->name, strlen(info->name), name, len) ||
		    gate_word_equal(info->scmp, strlen(info->scmp), name, len) ||
		    gate_word_equal(info->goarch, strlen(info->goarch), name, len) ||
		    is_alias(gate_arches[i].aliases, name, len))
			return info->arch;
	}
	return GATE_ARCH_NONE;
}

enum gate_arch gate_arch_by_scmp(const char *word, size_t len)
{
	for (unsigned i = 1; i < GATE_ARCH_MAX; i++) {
		const char *scmp = gate_arches[i].info.scmp;

		if (strlen(scmp) == len && memcmp(scmp, word, len) == 0)
			return gate_arches[i].info.arch;
	}
	return GATE_ARCH_NONE;
}

enum gate_arch gate_arch_of(uint32_t audit, uint32_t nr)
{
	for (unsigned i = 1; i < GATE_ARCH_MAX; i++) {
		if (gate_arches[i].info.audit != audit || i == GATE_ARCH_X32)
			continue;
		/* Negative numbers are no x32 calls: the kernel tests them as unsigned (do_syscall_x32). */
		if (i == GATE_ARCH_X86_64 && nr >= X32_BIT && nr < 2 * X32_BIT)
			return GATE_ARCH_X32;
		return gate_arches[i].info.arch;
	}
	return GATE_ARCH_NONE;
}

const char *gate_arch_suggest(const char *word, size_t len)
{
	struct gate_nearest best = GATE_NEAREST_INIT;
	enum gate_arch known = gate_arch_by_name(word, len);
	static const char prefix[] = "SCMP_ARCH_";

	/* A word that callgate knows but a profile may not use: the word that it may. */
	if (known == GATE_ARCH_NONE && len > sizeof(prefix) - 1 && memcmp(word, prefix, sizeof(prefix) - 1) == 0)
		known = gate_arch_by_name(word + sizeof(prefix) - 1, len - (sizeof(prefix) - 1));
	if (known != GATE_ARCH_NONE)
		return gate_arches[known].info.scmp;
	if (len > sizeof(prefix) - 1 && memcmp(word, prefix, sizeof(prefix) - 1) == 0) {
		/* What all of them begin with says nothing: SCMP_ARCH_ALL is not like SCMP_ARCH_ARM. */
		for (unsigned i = 1; i < GATE_ARCH_MAX; i++) {
			const char *bare = gate_arches[i].info.scmp + sizeof(prefix) - 1;

			gate_nearest_try(&best, word + sizeof(prefix) - 1, len - (sizeof(prefix) - 1), bare,
			                 strlen(bare));
		}
		return best.text != NULL ? best.text - (sizeof(prefix) - 1) : NULL;
	}
	for (unsigned i = 1; i < GATE_ARCH_MAX; i++) {
		const struct gate_arch_info *info = &gate_arches[i].info;

		gate_nearest_try(&best, word, len, info->scmp, strlen(info->scmp));
		gate_nearest_try(&best, word, len, info->name, strlen(info->name));
		gate_nearest_try(&best, word, len, info->goarch, strlen(info->goarch));
	}
	return best.text;
}
