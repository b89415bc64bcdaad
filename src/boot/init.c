/* PID 1: the boot as a table of steps. What each needs from the others: steps.h. */
#include "boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "boot/mount_fs.h"
#include "boot/steps.h"

#define LOG_DIR "/var/log/boot"
#define LOG_FILE LOG_DIR "/init.log"

static int mount_new_root(struct boot *boot, struct error *err)
{
    (void)boot;
    return mount_fs("tmpfs", "root", NEW_ROOT, 0, "mode=0755,size=50%", err);
}

static int ask_for_recovery(struct boot *boot, struct error *err)
{
    (void)err;
    if (boot->options.recovery)
        recovery_shell(NULL);
    return 0;
}

struct step {
    const char *name;
    boot_step *run;
    int64_t start_ns, end_ns;
};

/* Drivers load in two children while the steps go on; what needs no disk is done while disks are waited for. */
static struct step steps[] = {
    { "mount the kernel's file systems", mount_kernel_filesystems },
    { "read the kernel command line", read_options },
    { "mount the new root", mount_new_root },
    { "read which base belongs to this", read_base_record },
    { "start loading the base's drivers", start_base_drivers },
    { "start looking for disks", start_search },
    { "offer a recovery shell", ask_for_recovery },
    { "make the cgroups", make_cgroups },
    { "bind the API sockets", bind_sockets },
    { "fill the root from the initramfs's base", fill_root_early },
    { "wait for the state disk", wait_for_disks },
    { "check the state disk", check_state },
    { "mount the state", mount_state },
    { "find the base", find_base },
    { "mount the base", attach_base },
    { "fill the root", fill_root },
    { "bind the state", bind_state },
    { "ensure space on it", ensure_space },
    { "move into the root", switch_root },
};

static void run_step(struct step *step, struct boot *boot)
{
    struct error err = { 0 };
    step->start_ns = boot_now_ns();
    while (step->run(boot, &err) < 0) {
        error_prefix(&err, "%s", step->name);
        log_error("%s", err.text);
        recovery_shell(err.text);
        err = (struct error){ 0 };
    }
    step->end_ns = boot_now_ns();
    log_info("%s: %.1f ms", step->name, (double)(step->end_ns - step->start_ns) / 1e6);
}

/* The first step makes the folder of the records, the last but one the place of the log. */
static void write_records(void)
{
    mkdir(LOG_DIR, 0755);
    FILE *log = fopen(LOG_FILE, "we");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        boot_record("init", steps[i].name, steps[i].start_ns, steps[i].end_ns);
        if (log)
            fprintf(log, "%9.3f s %8.1f ms  %s\n", (double)steps[i].start_ns / 1e9,
                (double)(steps[i].end_ns - steps[i].start_ns) / 1e6, steps[i].name);
    }
    if (!log || fclose(log) != 0)
        log_warn("write %s: %s", LOG_FILE, strerror(errno));
}

/* What the kernel passes on counts as configuration. */
static void keep_arguments(char *const *argv)
{
    FILE *file = argv[1] ? fopen(BOOT_ARGUMENTS, "we") : NULL;
    for (size_t i = 1; file && argv[i]; i++)
        fprintf(file, "%s%s", i > 1 ? " " : "", argv[i]);
    if (file && (fputc('\n', file) == EOF || fclose(file) != 0))
        log_warn("write %s: %s", BOOT_ARGUMENTS, strerror(errno));
}

int init_main(int argc, char **argv)
{
    (void)argc;
    log_init("init", LOG_LEVEL_INFO);
    if (getpid() != 1) {
        fprintf(stderr, "init: only the kernel starts this\n");
        return 1;
    }
    struct boot *boot =
        mmap(NULL, sizeof *boot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    while (boot == MAP_FAILED)
        recovery_shell("No memory for the boot: this machine has too little.");
    boot->started_ns = boot_now_ns();
    boot->state_disk = -1;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        run_step(&steps[i], boot);
    keep_arguments(argv);
    write_records();
    supervise(boot);
}
