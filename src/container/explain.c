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

static size_t widest(const struct gate_plan_writer *w, size_t least, bool object)
{
	for (size_t i = 0; i < w->n_lines; i++) {
		const char *text = object ? w->lines[i].object : gate_step_name(w->lines[i].row.step);

		least = strlen(text) > least ? strlen(text) : least;
	}
	return least < 60 ? least : 60;
}

static void table(const struct gate_plan_writer *w, const char *notes, struct gate_buf *out)
{
	int step = (int)widest(w, strlen("STEP"), false), object = (int)widest(w, strlen("OBJECT"), true);

	gate_buf_printf(out, "%*s  %-*s  %-*s  %s\n", NUMBER_WIDTH, "#", step, "STEP", object, "OBJECT", "FOR");
	for (size_t i = 0; i < w->n_lines; i++) {
		const struct gate_plan_line *line = &w->lines[i];
		GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

		gate_buf_escaped(&text, line->object, strlen(line->object));
		gate_buf_printf(out, "%*zu  %-*s  %-*s  %s\n", NUMBER_WIDTH, i + 1, step,
		                gate_step_name(line->row.step), object, text.data != NULL ? text.data : "", line->by);
	}
	if (notes != NULL && notes[0] != '\0')
		gate_buf_printf(out, "\n%s", notes);
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
