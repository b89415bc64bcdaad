/* docker_init.h - the first process of a container that asks for one (docker run --init). */
#pragma once

/* docker-init [--] PROGRAM [ARGUMENT]...: runs it in a process group of its own (in front of the terminal, if there is one),
 * passes signals on to it, reaps whatever loses its parent, and ends with its exit code, 128 + signal when it was killed. */
int docker_init_main(int argc, char **argv);
