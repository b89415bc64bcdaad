/* docker.h - the `docker` and `system-docker` programs. */
#pragma once

int docker_main(int argc, char **argv);
/* The same, for System Docker unless -H or DOCKER_HOST says another. */
int system_docker_main(int argc, char **argv);
