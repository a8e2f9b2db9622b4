#include "container/plan_write.h"
#include "doc/doc.h"

#define NUMBER_WIDTH 3

static const char *load_word(uint16_t load)
{
	switch ((enum gate_load)load) {
	case GATE_LOAD_NOTHING:
		break;
	case GATE_LOAD_LOWERED:
		return "lowered"; /* by a process that has given up its privileges */
	case GATE_LOAD_LATE:
		return "late"; /* by one that keeps CAP_SYS_ADMIN up to execve */
	case GATE_LOAD_HELPER:
		return "helper"; /* by a thread that has kept it */
	}
	return "nothing";
}

/* What a row is about that is the same in every launch. */
static const char *const always[GATE_STEP_MAX] = {
	[GATE_STEP_SIGNALS] = "all at their defaults, blocked until 'unblock'",
	[GATE_STEP_HIDE] = "nobody may attach with ptrace(2)",
	[GATE_STEP_PARENT] = "ends with the keeper",
	[GATE_STEP_NORMAL] = "umask 022, personality, processors, scheduling",
	[GATE_STEP_SESSION] = "an audit session, by which refused calls are found",
	[GATE_STEP_KEYRING] = "a session keyring",
	[GATE_STEP_PRIVATE] = "no mount goes back to the host",
	[GATE_STEP_PIVOT] = "the host's tree is gone",
	[GATE_STEP_SESSION_LEADER] = "a session without a terminal of the caller's",
	[GATE_STEP_INIT] = "process 1 reaps and forwards signals",
	[GATE_STEP_HELPER] = "a thread that keeps the right to load the filter",
	[GATE_STEP_NO_NEW_PRIVS] = "for good",
	[GATE_STEP_UNBLOCK] = "all signals",
};

static size_t widest(const struct gate_plan_writer *w, const char *title, int column)
{
	size_t most = strlen(title);

	for (size_t i = 0; i < w->n_lines; i++) {
		size_t len = strlen(column == 0 ? gate_step_name(w->lines[i].row.step) : w->lines[i].by);

		most = len > most ? len : most;
	}
	return most;
}

/* There is no task, so no id: it is all zeros (container/prepare.h). */
static void put_with_id(struct gate_buf *out, const char *text)
{
	while (*text != '\0') {
		size_t zeros = strspn(text, "0"), others = strcspn(text + zeros, "0");

		if (zeros == 12 || zeros == 64)
			gate_buf_puts(out, "ID");
		else
			gate_buf_add(out, text, zeros);
		gate_buf_add(out, text + zeros, others);
		text += zeros + others;
	}
}

static void table(const struct gate_plan_writer *w, const char *notes, struct gate_buf *out)
{
	int step = (int)widest(w, "STEP", 0), by = (int)widest(w, "FOR", 1);

	gate_buf_printf(out, "%*s  %-*s  %-*s  %s\n", NUMBER_WIDTH, "#", step, "STEP", by, "FOR", "OBJECT");
	for (size_t i = 0; i < w->n_lines; i++) {
		const struct gate_plan_line *line = &w->lines[i];
		const char *object = line->object[0] == '\0' ? always[line->row.step] : line->object;
		GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

		if (object == NULL)
			object = "";
		gate_buf_escaped(&text, object, strlen(object));
		gate_buf_printf(out, "%*zu  %-*s  %-*s  ", NUMBER_WIDTH, i + 1, step, gate_step_name(line->row.step),
		                by, line->by);
		put_with_id(out, text.data != NULL ? text.data : "");
		gate_buf_puts(out, "\n");
	}
	if (notes != NULL && notes[0] != '\0') {
		gate_buf_puts(out, "\n");
		put_with_id(out, notes);
	}
}

static void json_row(struct gate_json *j, const struct gate_plan_writer *w, size_t i)
{
	const struct gate_plan_line *line = &w->lines[i];

	gate_json_object(j);
	gate_json_key(j, "number");
	gate_json_u64(j, i + 1);
	gate_json_key(j, "step");
	gate_json_text(j, gate_step_name(line->row.step));
	gate_json_key(j, "object");
	gate_json_text(j, line->object);
	gate_json_key(j, "for");
	gate_json_text(j, line->by);
	if ((line->row.flags & GATE_ROW_OPTIONAL) != 0 && line->row.step != GATE_STEP_FILTER) {
		gate_json_key(j, "optional");
		gate_json_bool(j, true);
	}
	if (line->row.step == GATE_STEP_FILTER) {
		gate_json_key(j, "instructions");
		gate_json_u64(j, w->filter_len);
		gate_json_key(j, "load");
		gate_json_text(j, load_word(line->row.flags));
	}
	gate_json_end(j, '}');
}

static void json_notes(struct gate_json *j, const char *notes)
{
	gate_json_key(j, "notes");
	gate_json_array(j);
	while (notes != NULL && *notes != '\0') {
		size_t len = strcspn(notes, "\n");

		gate_json_textn(j, notes, len);
		notes += len + (notes[len] == '\n');
	}
	gate_json_end(j, ']');
}

int gate_plan_explain(struct gate_plan_writer *w, const char *notes, bool json, struct gate_buf *out,
                      struct gate_err *err)
{
	struct gate_json j;

	if (w->failed.code != GATE_OK) {
		gate_err_set(err, w->failed.code, w->failed.sys, "%s", w->failed.text);
		return -1;
	}
	gate_plan_sort(w);
	if (!json) {
		table(w, notes, out);
		return out->failed ? GATE_FAIL_NOMEM(err) : 0;
	}
	gate_json_init(&j, out, 2);
	gate_json_object(&j);
	gate_json_key(&j, "schemaVersion");
	gate_json_u64(&j, 1);
	gate_json_key(&j, "steps");
	gate_json_array(&j);
	for (size_t i = 0; i < w->n_lines; i++)
		json_row(&j, w, i);
	gate_json_end(&j, ']');
	json_notes(&j, notes);
	gate_json_end(&j, '}');
	gate_buf_puts(out, "\n");
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}
