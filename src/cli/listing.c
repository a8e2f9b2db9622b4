#include "cli/cli.h"

void gate_listing_text(struct gate_buf *out, const struct gate_insn *insns, size_t len, bool big_endian)
{
	char text[128];

	gate_buf_puts(out, " line  code  jt jf  k\n");
	for (size_t i = 0; i < len; i++) {
		(void)gate_bpf_text(insns, i, big_endian, text, sizeof(text));
		gate_buf_printf(out, "%5zu  0x%02x  %02x %02x  0x%08x  %s\n", i, insns[i].code, insns[i].jt,
		                insns[i].jf, insns[i].k, text);
	}
}

void gate_listing_c(struct gate_buf *out, const struct gate_insn *insns, size_t len, const char *comment)
{
	gate_buf_printf(out, "/* %s */\n#include <linux/filter.h>\n\nstatic const struct sock_filter filter[%zu] = {\n",
	                comment, len);
	for (size_t i = 0; i < len; i++)
		gate_buf_printf(out, "\t{ 0x%02x, %u, %u, 0x%08x },\n", insns[i].code, insns[i].jt, insns[i].jf,
		                insns[i].k);
	gate_buf_puts(out, "};\n");
}
