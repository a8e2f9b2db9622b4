#include "cli/cli.h"

int main(int argc, char **argv)
{
	return gate_cli_main(argc, argv);
}
