/* A profile's bytes: from the config directory through the launcher, to a proven program, and into the database for as long as a task
 * runs under them. */
#include <callgate/abi.h>
#include <callgate/bpf.h>

#include <stdio.h>
#include <unistd.h>

#include "agent/profiles_parts.h"
#include "source/source.h"

const char *gate_profile_name_bad(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return "the name is empty";
	if (len > 255)
		return "the name is longer than 255 bytes";
	if (name[0] == '/')
		return "the name is absolute: names lie below --seccomp_config_dir";
	for (const char *s = name; s != NULL; s = strchr(s, '/') != NULL ? strchr(s, '/') + 1 : NULL) {
		size_t n = strcspn(s, "/");

		if (n == 2 && memcmp(s, "..", 2) == 0)
			return "'..' leaves --seccomp_config_dir";
		if (n == 0 || (n == 1 && *s == '.'))
			return "the name has an empty part";
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "the name has control characters";
	return NULL;
}

static const char *setting(const struct gate_profiles *p, const char *name)
{
	const struct gate_config *c = gate_agent_config(p->agent);

	for (size_t i = 0; i < c->n_settings; i++)
		if (strcmp(c->settings[i].name, name) == 0)
			return c->settings[i].value;
	return "";
}

void gate_profile_path(const struct gate_profiles *p, const char *name, char *ret, size_t size)
{
	const char *dir = setting(p, "seccomp_config_dir");
	size_t len = strlen(dir);

	(void)snprintf(ret, size, "%.*s/%s", (int)(len > 0 && dir[len - 1] == '/' ? len - 1 : len), dir,
	               name + (name[0] == '/'));
}

static int unreadable(const struct gate_profiles *p, const char *name, const char *why, enum gate_errc code,
                      struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf shown = GATE_BUF_INIT;
	char path[400];

	gate_profile_path(p, name, path, sizeof(path));
	gate_buf_escaped(&shown, path, strlen(path));
	return GATE_FAIL(err, code, "Failed to read Seccomp profile file '%.200s': %.200s",
	                 shown.data != NULL ? shown.data : "", why);
}

int gate_profile_text(struct gate_profiles *p, const char *name, struct gate_buf *ret, struct gate_err *err)
{
	const struct gate_world *w = gate_agent_world(p->agent);
	const char *bad = gate_profile_name_bad(name);
	struct gate_err mine = GATE_ERR_INIT;
	char piece[16384];
	ssize_t n = 0;
	int fd = -1;

	if (bad != NULL)
		return unreadable(p, name, bad, GATE_E_INVALID, err);
	if (w->open(w->ctx, GATE_OPEN_PROFILE, name, strlen(name), &fd, &mine) < 0)
		return unreadable(p, name, mine.code == GATE_E_NOTFOUND ? "No such file or directory" : mine.text,
		                  GATE_E_INVALID, err);
	while (ret->len <= GATE_DOC_MAX && ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)))
		gate_buf_add(ret, piece, n > 0 ? (size_t)n : 0);
	(void)close(fd);
	if (n < 0)
		return unreadable(p, name, "it cannot be read", GATE_E_INVALID, err);
	if (ret->len > GATE_DOC_MAX)
		return unreadable(p, name, "it is larger than 1 MiB", GATE_E_INVALID, err);
	return ret->failed ? GATE_FAIL_NOMEM(err) : 0;
}

enum gate_engine gate_profile_engine(const struct gate_profiles *p)
{
	return gate_agent_config(p->agent)->mesos_dialect ? GATE_ENGINE_MESOS : GATE_ENGINE_NATIVE;
}

static int unparsed(const struct gate_profiles *p, const char *name, const struct gate_err *why, struct gate_err *err)
{
	char path[400], place[32] = "";

	/* Memory that is gone is no fault of the file. */
	if (why->code == GATE_E_NOMEM)
		return GATE_FAIL_NOMEM(err);
	gate_profile_path(p, name, path, sizeof(path));
	if (why->line != 0)
		(void)snprintf(place, sizeof(place), "%u:%u: ", why->line, why->column);
	return GATE_FAIL(err, GATE_E_INVALID, "Failed to parse Seccomp profile '%.150s': %s%.250s", path, place,
	                 why->text);
}

static int compile(struct gate_profiles *p, const char *name, const struct gate_buf *text, struct gate_profile_made *m,
                   struct gate_err *err)
{
	struct gate_facts facts = p->facts;
	struct gate_source *source = NULL;
	struct gate_err mine = GATE_ERR_INIT;

	facts.caps = m->caps;
	if (gate_source_of_text(name, text->data != NULL ? text->data : "", text->len, gate_profile_engine(p), &facts,
	                        &source, err) < 0)
		return -1;
	if (gate_source_compile(source, NULL, &m->c, &mine) < 0) {
		m->c = NULL;
		gate_source_free(source);
		return unparsed(p, name, &mine, err);
	}
	gate_source_free(source);
	return 0;
}

int gate_profile_compile(struct gate_profiles *p, const char *name, const struct gate_buf *text, uint64_t caps,
                         const struct gate_profile_made **ret, struct gate_err *err)
{
	struct gate_profile_made fresh = { .caps = caps }, *oldest = &p->made[0];
	struct gate_digest digest;

	gate_digest_bytes(text->data != NULL ? text->data : "", text->len, &digest);
	gate_digest_text(&digest, fresh.text_digest);
	for (size_t i = 0; i < GATE_PROFILE_CACHE; i++) {
		struct gate_profile_made *m = &p->made[i];

		if (m->c != NULL && m->caps == caps && strcmp(m->text_digest, fresh.text_digest) == 0) {
			m->used = ++p->clock;
			*ret = m;
			return 0;
		}
		if (m->used < oldest->used)
			oldest = m;
	}
	if (compile(p, name, text, &fresh, err) < 0)
		return -1;
	gate_compiled_free(oldest->c);
	*oldest = fresh;
	oldest->used = ++p->clock;
	*ret = oldest;
	return 0;
}

/* --- what tasks were started with --- */

void gate_profile_keep(struct gate_profiles *p, const struct gate_buf *text, const struct gate_profile_made *m)
{
	struct gate_db *db = gate_agent_db(p->agent);

	gate_db_run(db, "INSERT OR IGNORE INTO profile_texts (digest, text) VALUES (?, ?)", "tb", m->text_digest,
	            text->data != NULL ? text->data : "", text->len);
	gate_db_run(db, "INSERT OR IGNORE INTO profile_programs (meaning, flags, program) VALUES (?, ?, ?)", "tib",
	            m->c->meaning, (int64_t)m->c->flags, m->c->insns, m->c->len * sizeof(*m->c->insns));
}

void gate_profile_forget(struct gate_profiles *p)
{
	struct gate_db *db = gate_agent_db(p->agent);

	gate_db_run(db, "DELETE FROM profile_texts WHERE digest NOT IN (SELECT text_digest FROM tasks)", "");
	gate_db_run(db, "DELETE FROM profile_programs WHERE meaning NOT IN (SELECT meaning_digest FROM tasks)", "");
}

int gate_profile_kept_text(struct gate_profiles *p, const char *digest, struct gate_buf *ret)
{
	struct gate_db_rows q;
	bool found = false;

	gate_db_query(gate_agent_db(p->agent), &q, "SELECT text FROM profile_texts WHERE digest = ?", "t", digest);
	if (gate_db_next(&q)) {
		size_t len = 0;
		const void *bytes = gate_db_blob(&q, 0, &len);

		gate_buf_add(ret, bytes != NULL ? bytes : "", len);
		found = !ret->failed;
	}
	gate_db_end(&q);
	return found ? 0 : -1;
}

#define FILTER_FLAG_SPEC_ALLOW 4U /* SECCOMP_FILTER_FLAG_SPEC_ALLOW */

/* Is this the program of that meaning? */
static bool means(struct gate_profiles *p, const struct gate_insn *insns, size_t len, const char *meaning)
{
	char text[GATE_POLICY_DIGEST_TEXT] = "";
	struct gate_space *space = NULL;
	gate_policy raw = 0, policy = 0;
	bool good = gate_bpf_check(insns, len, NULL) == 0 && gate_space_new(NULL, &space, NULL) == 0 &&
	            gate_bpf_lift(space, insns, len, gate_arch_info(p->facts.arch)->big_endian, &raw, NULL) == 0 &&
	            gate_policy_normal(space, raw, &policy, NULL) == 0 &&
	            gate_policy_digest(space, policy, text, NULL) == 0 && strcmp(text, meaning) == 0;

	gate_space_free(space);
	return good;
}

int gate_profile_kept_program(struct gate_profiles *p, const char *meaning, struct gate_arena *arena,
                              struct gate_wire_profile *ret, struct gate_err *err)
{
	struct gate_insn *insns = NULL;
	struct gate_db_rows q;
	int64_t flags = 0;
	size_t len = 0;

	gate_db_query(gate_agent_db(p->agent), &q, "SELECT flags, program FROM profile_programs WHERE meaning = ?", "t",
	              meaning);
	if (gate_db_next(&q)) {
		const void *bytes = gate_db_blob(&q, 1, &len);

		flags = gate_db_int(&q, 0);
		insns = len % sizeof(*insns) == 0 ? GATE_NEWS(arena, struct gate_insn, len / sizeof(*insns)) : NULL;
		if (insns != NULL && len != 0)
			memcpy(insns, bytes, len);
	}
	gate_db_end(&q);
	/* Rows are bytes from a file: it is proven again before anybody runs under it. */
	if (insns == NULL || len == 0 || !means(p, insns, len / sizeof(*insns), meaning))
		return GATE_FAIL(err, GATE_E_NOTFOUND, "the filter that the parent runs under is not known any more");
	/* A row is of a meaning, and several profiles may have it: one that lets its tasks speculate decides so for no other. */
	*ret = (struct gate_wire_profile){ .insns = insns,
		                           .len = len / sizeof(*insns),
		                           .flags = (uint32_t)flags & ~FILTER_FLAG_SPEC_ALLOW };
	return 0;
}
