/* config_command.h - `ros config`: get, set, merge, export, validate, images. Private to cli/; exit codes as of main. */
#pragma once

int config_command(int argc, char **argv);
