/* import.h - the program store-import: makes a read-only store of image archives, for the base image. */
#pragma once

/* store-import STORE_DIR [--tag NAME] TAR...: loads every archive into the folder (made when missing); --tag names the images
 * of the archive that follows. The same archives give the same bits: no times, no random names. Prints one line per image. */
int store_import_main(int argc, char **argv);
