#include "cli/api.h"

static const struct {
	enum gate_thing thing;
	const char *name, *front, *back;
} things[] = {
	{ GATE_THING_APP, "app", "/v2/apps/", "?embed=app.counts&embed=app.lastTaskFailure&embed=app.deployments" },
	{ GATE_THING_JOB, "job", "/v1/jobs/", "?embed=activeRuns&embed=schedules&embed=history" },
	{ GATE_THING_TASK, "task", "/api/v1/tasks/", "" },
	{ GATE_THING_PROFILE, "profile", "/api/v1/profiles/", "" },
};

const char *gate_thing_name(enum gate_thing t)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(things); i++)
		if (things[i].thing == t)
			return things[i].name;
	return "";
}

/* 1: there; 0: not. */
static int look(const struct gate_cli *cli, size_t kind, const char *id, struct gate_api_answer *ret,
                struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;

	if (things[kind].thing == GATE_THING_APP)
		gate_api_app_path(&path, id, things[kind].back);
	else
		gate_api_path(&path, things[kind].front, id, things[kind].back);
	if (path.failed)
		return GATE_FAIL_NOMEM(err);
	if (gate_api_call(cli, "GET", path.data, NULL, ret, err) < 0)
		return -1;
	/* What cannot be the id of an app or a job is refused as such; another kind may have it. */
	if (ret->status == 400 || ret->status == 404 || ret->status == 405 || ret->status == 422)
		return 0;
	return ret->status == 200 && ret->doc != NULL ? 1 : gate_api_refused(ret, err);
}

/* "app/web" says its kind. */
static const char *said_kind(const char *word, unsigned *kinds)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(things); i++) {
		size_t n = strlen(things[i].name);

		if ((*kinds & GATE_THING_BIT(things[i].thing)) != 0 && strncmp(word, things[i].name, n) == 0 &&
		    word[n] == '/' && word[n + 1] != '\0') {
			*kinds = GATE_THING_BIT(things[i].thing);
			return word + n + 1;
		}
	}
	if (word[0] == '/')
		*kinds &= GATE_THING_BIT(GATE_THING_APP);
	return word;
}

static int not_found(const char *word, unsigned kinds, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf list = GATE_BUF_INIT;

	for (size_t i = 0; i < GATE_ARRAY_LEN(things); i++)
		if ((kinds & GATE_THING_BIT(things[i].thing)) != 0)
			gate_buf_printf(&list, "%s%s", list.len > 0 ? " or " : "", things[i].name);
	return GATE_FAIL(err, GATE_E_NOTFOUND, "no %s '%s' is known to the agent",
	                 list.data != NULL ? list.data : "thing", word);
}

int gate_api_find(const struct gate_cli *cli, const char *word, unsigned kinds, struct gate_found *ret,
                  struct gate_err *err)
{
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	const char *id = said_kind(word, &kinds);

	*ret = (struct gate_found){ .id = id, .answer = GATE_API_ANSWER_INIT };
	for (size_t i = 0; i < GATE_ARRAY_LEN(things); i++) {
		if ((kinds & GATE_THING_BIT(things[i].thing)) == 0)
			continue;
		int there = look(cli, i, id, &answer, err);

		if (there > 0 && ret->thing != 0) {
			gate_err_set(err, GATE_E_CONFLICT, 0, "'%s' is both: say %s/%s or %s/%s", word,
			             gate_thing_name(ret->thing), id, things[i].name, id);
			there = -1;
		}
		if (there > 0) {
			ret->thing = things[i].thing;
			ret->answer = answer;
			answer = (struct gate_api_answer)GATE_API_ANSWER_INIT;
		}
		gate_api_answer_done(&answer);
		if (there < 0) {
			gate_api_answer_done(&ret->answer);
			return -1;
		}
	}
	return ret->thing != 0 ? 0 : not_found(id, kinds, err);
}
