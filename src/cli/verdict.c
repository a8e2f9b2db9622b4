#include "cli/cli.h"

void gate_verdict_text(enum gate_arch arch, uint32_t action, char text[GATE_VERDICT_TEXT])
{
	uint32_t data = GATE_RET_DATA(action);
	const char *name = gate_errno_name(arch, data);

	switch (GATE_RET_ACTION(action)) {
	case GATE_RET_ERRNO:
		if (name != NULL)
			(void)snprintf(text, GATE_VERDICT_TEXT, "errno %s", name);
		else
			(void)snprintf(text, GATE_VERDICT_TEXT, "errno %u", data);
		break;
	case GATE_RET_TRACE:
	case GATE_RET_TRAP:
		if (data != 0)
			(void)snprintf(text, GATE_VERDICT_TEXT, "%s %u", gate_ret_word(action), data);
		else
			(void)snprintf(text, GATE_VERDICT_TEXT, "%s", gate_ret_word(action));
		break;
	default:
		(void)snprintf(text, GATE_VERDICT_TEXT, "%s", gate_ret_word(action));
	}
}

void gate_verdict_json(struct gate_json *j, enum gate_arch arch, uint32_t action)
{
	uint32_t data = GATE_RET_DATA(action);

	gate_json_key(j, "verdict");
	gate_json_text(j, gate_ret_word(action));
	gate_json_key(j, "errno");
	if (GATE_RET_ACTION(action) != GATE_RET_ERRNO)
		gate_json_null(j);
	else if (gate_errno_name(arch, data) != NULL)
		gate_json_text(j, gate_errno_name(arch, data));
	else
		gate_json_u64(j, data);
}

enum gate_style gate_verdict_style(uint32_t action)
{
	int rank = gate_ret_rank(action);

	return rank <= gate_ret_rank(GATE_RET_LOG)    ? GATE_STYLE_GREEN
	       : rank < gate_ret_rank(GATE_RET_ERRNO) ? GATE_STYLE_YELLOW
	                                              : GATE_STYLE_RED;
}

void gate_call_json(struct gate_json *j, enum gate_arch arch, const char *name, uint32_t nr)
{
	const struct gate_arch_info *info = gate_arch_info(arch);

	gate_json_key(j, "arch");
	gate_json_text(j, info != NULL ? info->name : NULL);
	gate_json_key(j, "syscall");
	gate_json_text(j, name);
	gate_json_key(j, "number");
	gate_json_u64(j, nr);
}

void gate_data_json(struct gate_json *j, const struct gate_data *data, enum gate_arch native)
{
	char text[256];

	gate_call_text(data, native, true, text, sizeof(text));
	gate_json_object(j);
	gate_json_key(j, "call");
	gate_json_text(j, text);
	gate_json_key(j, "arch");
	gate_json_u64(j, data->arch);
	gate_json_key(j, "number");
	gate_json_u64(j, data->nr);
	gate_json_key(j, "args");
	gate_json_array(j);
	for (int i = 0; i < 6; i++)
		gate_json_u64(j, data->args[i]);
	gate_json_end(j, ']');
	gate_json_key(j, "instruction_pointer");
	gate_json_u64(j, data->ip);
	gate_json_end(j, '}');
}

void gate_json_line(const struct gate_buf *b)
{
	/* An incomplete line would look like a result. */
	GATE_CHECK(!b->failed);
	(void)fwrite(b->data, 1, b->len, stdout);
	(void)fputc('\n', stdout);
}
