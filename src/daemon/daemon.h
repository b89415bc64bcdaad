/* daemon.h - dockerd: an engine and its API as one process. Flags and daemon.json are those of Docker's daemon; what of them is
 * served, harmless or refused is said by the table of daemon/options.c, from which --help is printed. */
#pragma once

int dockerd_main(int argc, char **argv);
