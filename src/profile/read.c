/* read.c - a document to a profile: the top level, and what the levels share. */
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "profile/read.h"

/* A file of GATE_DOC_MAX bytes makes a tree of at most some 20 MiB; entries add less than as much again. */
#define ARENA_MAX (60u << 20)

void gate_read_nomem(struct gate_reader *r)
{
	if (!r->gone && !r->failed && r->p->arena.full)
		gate_err_set(r->err, GATE_E_LIMIT, 0, "profile is too large to read");
	else if (!r->gone && !r->failed)
		gate_err_set(r->err, GATE_E_NOMEM, 0, "out of memory");
	r->failed = r->gone = true;
}

void gate_read_bad(struct gate_reader *r, const char *id, struct gate_place at, const char *instead, const char *format,
                   ...)
{
	char text[448];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!r->failed) {
		gate_err_set(r->err, GATE_E_INVALID, 0, "%s", text);
		gate_err_place(r->err, at.line, at.column, at.length);
	}
	r->failed = true;
	if (r->findings != NULL) {
		const char *who = r->d->engine == GATE_ENGINE_NATIVE ? NULL : gate_engine_name(r->d->engine);

		gate_findings_add(r->findings, GATE_ERROR, id, at, who, NULL, instead, "%s", text);
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* `theirs` comes from the table of dialects: one %s each */
void gate_read_unknown(struct gate_reader *r, const char *id, const struct gate_text *t, const char *theirs,
                       const char *what, const char *near)
{
	struct gate_shown shown = gate_show(t->s, t->len);

	if (theirs != NULL)
		gate_read_bad(r, id, t->at, near, theirs, shown.s);
	else
		gate_read_bad(r, id, t->at, near, "unknown %s '%s'%s%s%s", what, shown.s,
		              near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}
#pragma GCC diagnostic pop

static const struct gate_doc *near_member(const struct gate_doc *object, const char *key)
{
	size_t len = strlen(key);
	unsigned most = len <= 3 ? 1 : 2;

	for (size_t i = 0; i < object->n_items; i++) {
		const struct gate_doc *v = &object->items[i];

		if (strcmp(v->key, key) != 0 && gate_distance(key, len, v->key, v->key_len, most) <= most)
			return v;
	}
	return NULL;
}

void gate_read_missing(struct gate_reader *r, const char *id, const struct gate_doc *object, const char *what,
                       const char *key, const char *instead)
{
	const struct gate_doc *near = near_member(object, key);

	if (near == NULL)
		gate_read_bad(r, id, object->at, instead, "%s has no '%s'", what, key);
	else
		gate_read_bad(r, id, near->key_at, key, "%s has no '%s', but an unknown '%s'", what, key,
		              gate_show(near->key, near->key_len).s);
}

struct gate_text gate_read_text(const struct gate_doc *v)
{
	return (struct gate_text){ v->text, v->len, v->at };
}

void gate_read_texts(struct gate_reader *r, const struct gate_doc *v, const char *what, struct gate_text **ret,
                     size_t *ret_n)
{
	struct gate_text *list = GATE_NEWS(&r->p->arena, struct gate_text, v->n_items);
	size_t n = 0;

	if (list == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < v->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *item = &v->items[i];

		if (item->kind == GATE_DOC_STRING)
			list[n++] = gate_read_text(item);
		else
			gate_read_bad(r, "T34", item->at, NULL, "'%s' must hold strings, not %s", what,
			              gate_doc_kind_name(item->kind));
	}
	*ret = list;
	*ret_n = n;
}

/* libocispec reads numbers with strtoull(3), so crun takes -1 for 2^64-1. */
static bool negative_for_crun(struct gate_reader *r, const struct gate_doc *v, uint64_t max, uint64_t *ret)
{
	uint64_t n;

	if (r->d->engine != GATE_ENGINE_CRUN || max != UINT64_MAX || v->len < 2 || v->text[0] != '-' ||
	    gate_u64_parse(v->text + 1, v->len - 1, UINT64_MAX, &n) < 0)
		return false;
	*ret = (uint64_t)0 - n;
	gate_findings_add(r->findings, GATE_WARNING, "T34", v->at, gate_engine_name(r->d->engine),
	                  "other readers refuse a negative number", NULL, "crun reads %s as %llu",
	                  gate_show(v->text, v->len).s, (unsigned long long)*ret);
	return true;
}

bool gate_read_number(struct gate_reader *r, const struct gate_doc *v, const char *what, uint64_t max, uint64_t *ret)
{
	struct gate_shown word = gate_show(v->text, v->len);
	int verdict = gate_u64_parse(v->text, v->len, max, ret);

	if (verdict == 0 || negative_for_crun(r, v, max, ret))
		return true;
	if (verdict == -2)
		gate_read_bad(r, "T34", v->at, NULL, "'%s' is %s, but at most %llu is possible", what, word.s,
		              (unsigned long long)max);
	else
		gate_read_bad(r, "T34", v->at, NULL, "'%s' must be a plain integer from 0 to %llu, not %s", what,
		              (unsigned long long)max, word.s);
	return false;
}

static bool takes_errno(uint32_t action)
{
	return action == GATE_RET_ERRNO || action == GATE_RET_TRACE;
}

static bool errno_in_capitals(const struct gate_text *word)
{
	char upper[24];

	for (size_t i = 0; i < word->len && word->len < sizeof(upper); i++)
		upper[i] = (char)(word->s[i] >= 'a' && word->s[i] <= 'z' ? word->s[i] - 'a' + 'A' : word->s[i]);
	return word->len < sizeof(upper) && gate_errno_find(GATE_ARCH_X86_64, upper, word->len) != 0;
}

/* "ENOSYS" or "38": containers/common tries the number first (parseErrno). The names are those of x86_64, as in the
 * Go table that it was built with; resolving reads the word again for ABIs that number errors in their own way. */
static bool errno_by_word(struct gate_reader *r, const struct gate_text *word, uint64_t *ret)
{
	struct gate_shown shown = gate_show(word->s, word->len);
	unsigned n = gate_errno_find(GATE_ARCH_X86_64, word->s, word->len);

	if (gate_u64_parse(word->s, word->len, UINT32_MAX, ret) == 0)
		return true;
	*ret = n;
	if (n == 0)
		gate_read_bad(r, "T40", word->at, "an errno name such as \"ENOSYS\", or its number in quotes",
		              errno_in_capitals(word) ? "unknown errno '%s': the names are in capitals"
		                                      : "unknown errno '%s'",
		              shown.s);
	return n != 0;
}

/* What each filter maker does with a number: runc casts to int16, crun masks with 0xffff, libseccomp takes an errno of
 * at most 4094 (2.3.3 to 2.6.1), the kernel caps it at 4095 and leaves TRACE's data alone. */
static uint32_t errno_data(struct gate_reader *r, uint32_t action, uint64_t number, struct gate_place at)
{
	uint64_t most = action == GATE_RET_TRACE ? 0xffff : 4095, kept = number & 0xffff;

	if (r->d->engine == GATE_ENGINE_NATIVE) {
		if (number > most)
			gate_read_bad(r, "T25", at, NULL, "errno %llu is above %llu, the most that %s can carry",
			              (unsigned long long)number, (unsigned long long)most, gate_action_scmp(action));
		return (uint32_t)kept;
	}
	if (action == GATE_RET_ERRNO && kept > 4094)
		gate_read_bad(r, "T25", at, "a number from 0 to 4094", "errno %llu: libseccomp takes at most 4094%s",
		              (unsigned long long)number,
		              r->d->runtime == GATE_RUNTIME_RUNC ? " (runc says 'two checks on same syscall argument')"
		                                                 : "");
	else if (number > 0xffff)
		gate_findings_add(r->findings, GATE_WARNING, "T25", at, gate_engine_name(r->d->engine), NULL, NULL,
		                  "%s keeps 16 bits of %llu: the value becomes %llu", gate_engine_name(r->d->engine),
		                  (unsigned long long)number, (unsigned long long)kept);
	return (uint32_t)kept;
}

uint32_t gate_read_action(struct gate_reader *r, const struct gate_text *text, bool has, uint32_t number,
                          struct gate_place number_at, const struct gate_text *word, bool is_default)
{
	struct gate_shown shown = gate_show(text->s, text->len);
	uint64_t value = has ? number : 1; /* EPERM; runc, crun and the kernel's man page agree */
	struct gate_place at = has ? number_at : text->at;
	uint32_t action;

	if (gate_action_by_scmp(text->s, text->len, &action) < 0) {
		gate_read_unknown(r, "T29", text, r->d->bad_action, "action",
		                  gate_word_suggest(GATE_WORD_ACTION, text->s, text->len));
		return GATE_RET_KILL_PROCESS;
	}
	if (action == GATE_RET_NOTIFY && is_default && r->d->runtime == GATE_RUNTIME_RUNC)
		gate_read_bad(r, "T27", text->at, NULL, "SCMP_ACT_NOTIFY cannot be used as default action");
	if (word->s != NULL) {
		at = word->at;
		if (!errno_by_word(r, word, &value))
			return action;
	}
	if (!takes_errno(action)) {
		if ((has || word->s != NULL) && r->d->runtime == GATE_RUNTIME_CRUN)
			gate_read_bad(r, "T25", at, NULL, "errno value specified for action `%s`", shown.s);
		else if (has || word->s != NULL)
			gate_findings_add(r->findings, GATE_WARNING, "T25", at, NULL, "the number has no effect", NULL,
			                  "%s carries no errno", shown.s);
		return action;
	}
	return action | errno_data(r, action, value, at);
}

static const struct gate_key *key_find(struct gate_reader *r, const struct gate_key *keys, size_t n,
                                       const struct gate_doc *member)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].name, member->key) == 0)
			return &keys[i];
	for (size_t i = 0; r->d->fold_case && i < n; i++) {
		if (strcasecmp(keys[i].name, member->key) != 0)
			continue;
		gate_findings_add(r->findings, GATE_WARNING, "T34", member->key_at, gate_engine_name(r->d->engine),
		                  "readers written in C do not, and the last of two spellings wins", keys[i].name,
		                  "'%s' is read as '%s': Go matches keys without regard to case",
		                  gate_show(member->key, member->key_len).s, keys[i].name);
		return &keys[i];
	}
	return NULL;
}

static void unknown_key(struct gate_reader *r, const struct gate_key *keys, size_t n, const struct gate_doc *member,
                        const char *what)
{
	const char *near = NULL;
	unsigned least = 3;

	if (member->key[0] == '_' || member->key[0] == '$')
		return; /* the common way to write a remark */
	for (size_t i = 0; i < n; i++) {
		unsigned d = gate_distance(keys[i].name, strlen(keys[i].name), member->key, member->key_len, 2);

		if (d < least) {
			least = d;
			near = keys[i].name;
		}
	}
	gate_findings_add(r->findings, GATE_WARNING, "T34", member->key_at, NULL, "it has no effect", near,
	                  "unknown key '%s' in %s%s%s%s", gate_show(member->key, member->key_len).s, what,
	                  near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* null, "", [], {} and objects of such: the same as absent to every reader. */
static bool says_nothing(const struct gate_doc *v)
{
	if (v->kind == GATE_DOC_STRING)
		return v->len == 0;
	if (v->kind == GATE_DOC_OBJECT)
		for (size_t i = 0; i < v->n_items; i++)
			if (!says_nothing(&v->items[i]))
				return false;
	return v->kind == GATE_DOC_NULL || v->kind == GATE_DOC_OBJECT || (v->kind == GATE_DOC_ARRAY && v->n_items == 0);
}

static void unread_key(struct gate_reader *r, const struct gate_key *key, const struct gate_doc *member,
                       const struct gate_doc *object)
{
	const char *who = gate_engine_name(r->d->engine), *id = "T1", *meaning = "it has no effect there";

	if (says_nothing(member))
		return;
	if (key->field == GATE_FIELD_ERRNO_WORD &&
	    (gate_doc_member(object, "errnoRet") != NULL || gate_doc_member(object, "defaultErrnoRet") != NULL))
		return; /* the number stands beside it */
	if (key->field == GATE_FIELD_ERRNO_WORD)
		id = "T40", meaning = "the errno becomes EPERM there";
	else if (strcmp(key->name, "name") == 0)
		id = "T2", meaning = "entries that are written so have no effect there";
	else if (strcmp(key->name, "archMap") == 0)
		meaning = "only the native architecture is in the filter there";
	else if (key->field != GATE_FIELD_REMARK)
		meaning = "the entry is in force there whatever the condition";
	if (strcmp(id, "T2") == 0 && r->old_name)
		return; /* files in the old form have hundreds */
	r->old_name |= strcmp(id, "T2") == 0;
	gate_findings_add(r->findings, GATE_WARNING, id, member->key_at, who, meaning, NULL, "%s does not read '%s'",
	                  who, key->name);
}

static void kinds_text(unsigned kinds, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (int k = GATE_DOC_NULL + 1; k <= GATE_DOC_OBJECT; k++)
		if (kinds & GATE_KIND(k))
			len += (size_t)snprintf(out + len, len < size ? size - len : 0, "%s%s", len ? " or " : "",
			                        gate_doc_kind_name((enum gate_doc_kind)k));
}

void gate_read_object(struct gate_reader *r, const struct gate_key *keys, size_t n, const struct gate_doc *object,
                      const char *what, void *into)
{
	for (size_t i = 0; i < object->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *v = &object->items[i];
		const struct gate_key *key = key_find(r, keys, n, v);
		char kinds[80];

		if (key == NULL) {
			unknown_key(r, keys, n, v, what);
		} else if (!(key->field & r->d->fields)) {
			unread_key(r, key, v, object);
		} else if (key->kinds & GATE_KIND(v->kind)) {
			if (key->read != NULL)
				key->read(r, v, into);
		} else if (v->kind != GATE_DOC_NULL && key->field != GATE_FIELD_REMARK) {
			kinds_text(key->kinds, kinds, sizeof(kinds));
			gate_read_bad(r, "T34", v->at, NULL, "'%s' must be %s, not %s", key->name, kinds,
			              gate_doc_kind_name(v->kind));
		}
	}
}

/* --- the top level --- */

static void read_default_action(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	(void)r;
	p->default_action_text = gate_read_text(v);
}

static void read_default_errno_ret(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;
	uint64_t n;

	if (!gate_read_number(r, v, "defaultErrnoRet", UINT32_MAX, &n))
		return;
	p->has_default_errno_ret = true;
	p->default_errno_ret = (uint32_t)n;
	p->default_errno_ret_at = v->at;
}

static void read_default_errno(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	(void)r;
	if (v->len != 0)
		p->default_errno_text = gate_read_text(v);
}

/* crun drops an optional SCMP_ARCH_, lowers the case and asks libseccomp for the bare name. */
enum gate_arch gate_read_arch_word(const struct gate_engine_row *d, const char *s, size_t len)
{
	enum gate_arch arch = gate_arch_by_scmp(s, len);
	const struct gate_arch_info *info;

	if (d->runtime == GATE_RUNTIME_RUNC && arch >= GATE_ARCH_PARISC) /* valid by the schema; its table has 18 */
		return GATE_ARCH_NONE;
	if (arch != GATE_ARCH_NONE || d->runtime != GATE_RUNTIME_CRUN)
		return arch;
	arch = gate_arch_by_name(s, len);
	info = gate_arch_info(arch);
	return info != NULL && strlen(info->name) == len && strncasecmp(info->name, s, len) == 0 ? arch
	                                                                                         : GATE_ARCH_NONE;
}

static void check_arch(struct gate_reader *r, const struct gate_text *t)
{
	enum gate_arch meant = gate_arch_by_name(t->s, t->len);
	const char *near = meant != GATE_ARCH_NONE ? gate_arch_info(meant)->scmp : gate_arch_suggest(t->s, t->len);

	if (gate_read_arch_word(r->d, t->s, t->len) == GATE_ARCH_NONE)
		gate_read_unknown(r, "T29", t, r->d->bad_arch, "architecture", near);
}

static void read_architectures(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	p->has_architectures = true;
	p->architectures_at = v->at;
	gate_read_texts(r, v, "architectures", &p->architectures, &p->n_architectures);
	for (size_t i = 0; i < p->n_architectures && !gate_read_over(r); i++)
		check_arch(r, &p->architectures[i]);
}

static void read_map_arch(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arch_map *m = into;

	m->architecture = gate_read_text(v);
	check_arch(r, &m->architecture);
}

static void read_map_subs(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arch_map *m = into;

	gate_read_texts(r, v, "subArchitectures", &m->subs, &m->n_subs);
	for (size_t i = 0; i < m->n_subs && !gate_read_over(r); i++)
		check_arch(r, &m->subs[i]);
}

static const struct gate_key map_keys[] = {
	{ "architecture", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_map_arch },
	{ "subArchitectures", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_map_subs },
	{ "comment", GATE_FIELD_REMARK, ~0u, NULL },
};

static void read_arch_map(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	p->has_arch_map = true;
	p->arch_map_at = v->at;
	p->arch_map = GATE_NEWS(&p->arena, struct gate_arch_map, v->n_items);
	if (p->arch_map == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < v->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *item = &v->items[i];
		struct gate_arch_map *m = &p->arch_map[p->n_arch_map];

		if (item->kind != GATE_DOC_OBJECT) {
			gate_read_bad(r, "T34", item->at, NULL, "'archMap' must hold objects, not %s",
			              gate_doc_kind_name(item->kind));
			continue;
		}
		p->n_arch_map++;
		m->at = item->at;
		gate_read_object(r, map_keys, GATE_ARRAY_LEN(map_keys), item, "an element of 'archMap'", m);
		if (m->architecture.s == NULL)
			gate_read_bad(r, "T34", item->at, NULL, "an element of 'archMap' has no 'architecture'");
	}
}

static void read_flags(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	p->has_flags = true;
	p->flags_at = v->at;
	gate_read_texts(r, v, "flags", &p->flags, &p->n_flags);
	for (size_t i = 0; i < p->n_flags && !gate_read_over(r); i++) {
		const struct gate_text *t = &p->flags[i];

		if (gate_flag_by_word(t->s, t->len) == 0)
			gate_read_unknown(r, "T29", t, r->d->bad_flag, "flag",
			                  gate_word_suggest(GATE_WORD_FLAG, t->s, t->len));
	}
}

static void read_listener_path(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	(void)r;
	((struct gate_profile *)into)->listener_path = gate_read_text(v);
}

static void read_listener_metadata(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	(void)r;
	((struct gate_profile *)into)->listener_metadata = gate_read_text(v);
}

static void read_syscalls(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_profile *p = into;

	p->has_syscalls = true;
	p->syscalls_at = v->at;
	gate_read_entries(r, v);
}

static const struct gate_key top_keys[] = {
	{ "defaultAction", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_default_action },
	{ "defaultErrnoRet", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_NUMBER), read_default_errno_ret },
	{ "defaultErrno", GATE_FIELD_ERRNO_WORD, GATE_KIND(GATE_DOC_STRING), read_default_errno },
	{ "architectures", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_architectures },
	{ "archMap", GATE_FIELD_DOCKER, GATE_KIND(GATE_DOC_ARRAY), read_arch_map },
	{ "flags", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_flags },
	{ "listenerPath", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_listener_path },
	{ "listenerMetadata", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_listener_metadata },
	{ "syscalls", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_syscalls },
	{ "comment", GATE_FIELD_REMARK, ~0u, NULL },
	{ "description", GATE_FIELD_REMARK, ~0u, NULL },
};

/* T36: people hand over the file that the profile was cut from. */
static bool wrapped(struct gate_reader *r, const struct gate_doc *root)
{
	static const struct {
		const char *outer, *inner, *what;
	} wraps[] = {
		{ "linux", "seccomp", "a config.json of a container" },
		{ "spec", "defaultAction", "a SeccompProfile resource of the security-profiles-operator" },
		{ "seccomp", "defaultAction", "a profile inside another object" },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(wraps); i++) {
		const struct gate_doc *outer = gate_doc_member(root, wraps[i].outer), *inner;
		bool whole = strcmp(wraps[i].inner, "defaultAction") != 0;

		if (outer == NULL || outer->kind != GATE_DOC_OBJECT || gate_doc_member(root, "defaultAction") != NULL)
			continue;
		inner = gate_doc_member(outer, wraps[i].inner);
		if (inner == NULL)
			continue;
		struct gate_place at = whole ? inner->at : outer->at;
		gate_read_bad(r, "T36", at, "the inner object in a file of its own",
		              "this is %s: the profile is what stands under '%s%s%s' (line %u)", wraps[i].what,
		              wraps[i].outer, whole ? "." : "", whole ? wraps[i].inner : "", at.line);
		return true;
	}
	return false;
}

static void no_default(struct gate_reader *r, const struct gate_doc *root)
{
	const char *who = gate_engine_name(r->d->engine);

	if (near_member(root, "defaultAction") != NULL)
		gate_read_missing(r, "T35", root, "profile", "defaultAction", NULL);
	else if (r->d->empty_unconfined && r->p->n_entries == 0)
		gate_read_bad(r, "T35", r->p->at, "the word 'unconfined' in place of the file, if that is meant",
		              "profile has no 'defaultAction': %s runs such a program unconfined, callgate does not; "
		              "only the word 'unconfined' runs without a filter",
		              who);
	else
		gate_read_bad(r, "T35", r->p->at, "\"defaultAction\": \"SCMP_ACT_ERRNO\"",
		              "profile has no 'defaultAction': nothing says what happens to other calls; "
		              "only the word 'unconfined' runs without a filter");
}

static void read_top(struct gate_reader *r, const struct gate_doc *root)
{
	struct gate_profile *p = r->p;
	const struct gate_engine_row *d = r->d;

	gate_read_object(r, top_keys, GATE_ARRAY_LEN(top_keys), root, "the profile", p);
	if (gate_read_over(r))
		return;
	if (p->n_arch_map != 0 && p->n_architectures != 0)
		gate_read_bad(r, "T4", p->arch_map_at, "one of the two", "%s",
		              d->both_arches != NULL ? d->both_arches
		                                     : "'architectures' and 'archMap' exclude each other");
	if (p->default_action_text.s == NULL)
		no_default(r, root);
	else
		p->default_action =
		    gate_read_action(r, &p->default_action_text, p->has_default_errno_ret, p->default_errno_ret,
		                     p->default_errno_ret_at, &p->default_errno_text, true);
}

static int read_all(struct gate_reader *r, const char *file, const char *text, size_t len)
{
	struct gate_profile *p = r->p;

	p->file = gate_arena_text(&p->arena, file, strlen(file));
	p->text = gate_arena_text(&p->arena, text, len);
	if (p->file == NULL || p->text == NULL)
		return GATE_FAIL_NOMEM(r->err);
	p->len = len;
	struct gate_err doc_err = GATE_ERR_INIT;

	if (gate_doc_read(&p->arena, text, len, &p->root, &doc_err) < 0) {
		struct gate_place at = { doc_err.line, doc_err.column, doc_err.length };

		gate_findings_add(r->findings, GATE_ERROR, "T34", at, NULL, NULL, NULL, "%s", doc_err.text);
		gate_err_set(r->err, doc_err.code, doc_err.sys, "%s", doc_err.text);
		gate_err_place(r->err, at.line, at.column, at.length);
		return -1;
	}
	p->at = p->root->at;
	if (p->root->kind != GATE_DOC_OBJECT)
		gate_read_bad(r, "T35", p->at, NULL, "a profile is an object, not %s",
		              gate_doc_kind_name(p->root->kind));
	else if (r->d->engine == GATE_ENGINE_MESOS)
		gate_read_mesos(r, p->root);
	else if (!wrapped(r, p->root))
		read_top(r, p->root);
	if (!r->failed && r->findings != NULL && gate_findings_failed(r->findings))
		gate_read_nomem(r);
	return r->failed ? -1 : 0;
}

int gate_profile_read(const char *file, const char *text, size_t len, enum gate_engine engine,
                      struct gate_findings *findings, struct gate_profile **ret, struct gate_err *err)
{
	GATE_AUTO(gate_profile_freep) struct gate_profile *p = calloc(1, sizeof(*p));
	struct gate_reader r = { p, gate_engine_row(engine), findings, err, false, false, false };

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	if (len > GATE_DOC_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "profile is larger than %u bytes", GATE_DOC_MAX);
	p->arena.limit = ARENA_MAX;
	p->engine = engine;
	if (read_all(&r, file, text, len) < 0)
		return -1;
	*ret = GATE_TAKE(&p);
	return 0;
}

void gate_profile_free(struct gate_profile *p)
{
	if (p == NULL)
		return;
	gate_arena_done(&p->arena);
	free(p);
}
