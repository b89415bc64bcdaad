/* shim.h - the monitor of one container, as a program; what an engine says to it is in client.h. */
#pragma once

/* ros shim ID: started by shim_spawn, with its first connection as descriptor 3 and the container's run folder as 4. */
int shim_main(int argc, char **argv);
