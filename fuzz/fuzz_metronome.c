/* Metronome's definitions, cron expressions and time zones. The first byte chooses the reader; what is taken must hold what its
 * header promises, and be the same when it is written and read again. */
#include "fuzz.h"
#include "spec/metronome.h"

static const struct gate_zone *zone_of(void *ctx, const char *name)
{
	(void)ctx;
	return name[0] == 'U' ? gate_zone_utc() : NULL;
}

static const struct gate_job_host host = { .hostname = "node1", .attributes = "rack:r1;cores:8", .zone = zone_of };

static char *show(const struct gate_job *job)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_job_write(job, &j);
	return gate_buf_take(&out);
}

static void launch(const struct gate_job *job)
{
	const struct gate_job_launch l = { "task", "run", GATE_ISOLATE_ALL, true };
	struct gate_task t;

	gate_task_init(&t);
	FUZZ_CHECK(gate_job_task(job, &l, &t, NULL) == 0);
	FUZZ_CHECK(t.args.n > 0 || t.image != NULL);
	FUZZ_CHECK(t.profile == NULL && t.cpu_shares >= 2 && t.cpu_shares <= 262144 && t.memory >= (32U << 20));
	FUZZ_CHECK(t.cpu_quota_us >= 1000);
	for (size_t i = 0; i < t.volumes.n; i++)
		FUZZ_CHECK(t.volumes.at[i].source[0] == '/' && t.volumes.at[i].target[0] == '/');
	for (size_t i = 0; i < t.env.n; i++)
		FUZZ_CHECK(strchr(t.env.at[i], '=') != NULL && t.env.at[i][0] != '=');
	gate_task_done(&t);
}

static void job(const char *text, size_t len)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_job *one = NULL, *two = NULL;
	const struct gate_doc *doc = NULL;
	struct gate_faults f;

	gate_faults_init(&f, &arena);
	if (gate_doc_read(&arena, text, len, &doc, NULL) == 0 && gate_job_read(doc, NULL, &host, &f, &one, &err) == 0) {
		char *first = show(one), *second;
		const struct gate_job_run *r = one->run;

		FUZZ_CHECK(gate_job_id_ok(one->id) && r->cpus >= 0.01 && r->mem >= 32 &&
		           (r->cmd != NULL || r->docker || r->ucr));
		FUZZ_CHECK(one->schedules.n <= 1 && (one->schedules.n == 0 || gate_job_schedule_of(one)->zone != NULL));
		FUZZ_CHECK(gate_job_load(first, strlen(first), &host, &two, NULL) == 0);
		second = show(two);
		FUZZ_CHECK(strcmp(first, second) == 0);
		launch(one);
		free(first);
		free(second);
	} else if (doc != NULL) {
		FUZZ_CHECK(one == NULL && err.text[0] != '\0');
	}
	gate_job_free(one);
	gate_job_free(two);
	gate_faults_done(&f);
	gate_arena_done(&arena);
}

static void cron(const char *text)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_cron c, again;
	int64_t t = INT64_C(1700000000), at;

	if (gate_cron_parse(text, &c, &err) < 0) {
		FUZZ_CHECK(err.text[0] != '\0');
		return;
	}
	FUZZ_CHECK(gate_cron_parse(c.text, &again, NULL) == 0 && strcmp(c.text, again.text) == 0);
	for (int i = 0; i < 5 && gate_cron_next(&c, gate_zone_utc(), t, &at); i++) {
		FUZZ_CHECK(at > t && at % 60 == 0 && (c.minutes >> at / 60 % 60 & 1) != 0 &&
		           (c.hours >> at / 3600 % 24 & 1) != 0);
		t = at;
	}
}

static void zone(const char *bytes, size_t len)
{
	struct gate_zone *z = NULL;
	struct gate_cron c;
	int64_t t = 0, at;

	if (gate_zone_read(bytes, len, &z, NULL) < 0)
		return;
	for (int i = 0; i < 20 && gate_zone_next(z, t, &at); i++) {
		int64_t last;

		FUZZ_CHECK(at > t);
		FUZZ_CHECK(gate_zone_last(z, at, &last) && last == at);
		t = at;
	}
	FUZZ_CHECK(gate_cron_parse("30 2 * * *", &c, NULL) == 0);
	t = INT64_C(1700000000);
	for (int i = 0; i < 5 && gate_cron_next(&c, z, t, &at); i++) {
		FUZZ_CHECK(at > t);
		t = at;
	}
	gate_zone_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size > 0 ? size - 1 : 0;
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	if (len > 0)
		memcpy(text, data + 1, len);
	text[len] = '\0';
	if (size > 0 && data[0] == 'c')
		cron(text);
	else if (size > 0 && data[0] == 'z')
		zone(text, len);
	else
		job(text, len);
	free(text);
	return 0;
}
