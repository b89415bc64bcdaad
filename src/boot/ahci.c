/* Serial ATA AHCI 1.3.1, chapter 3. Registers are only read, and reading these changes nothing. */
#include "boot/ahci.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define CLASS_AHCI "0x010601"
#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2

#define CAP 0x00
#define CAP_STAGGERED_SPIN_UP (1U << 27)
#define GHC 0x04
#define GHC_AHCI_ENABLED (1U << 31)
#define PORTS_IMPLEMENTED 0x0C
#define PORT(n) (0x100 + 0x80 * (n))
#define PORT_CMD 0x18
#define PORT_CMD_SPIN_UP (1U << 1)
#define PORT_SSTS 0x28    /* what is there */
#define PORT_SCTL 0x2C    /* what was asked for */
#define DETECTION 0xFU    /* of both */
#define ABSENT UINT32_MAX /* what a bus without an answer reads as */

static uint32_t read_register(const volatile uint32_t *registers, size_t at)
{
    return registers[at / sizeof *registers];
}

/* Nothing answers, nobody has switched the port off, and its disk, if it had one, would have been spun up. */
static bool port_is_empty(const volatile uint32_t *registers, size_t port, bool staggered)
{
    return (read_register(registers, port + PORT_SSTS) & DETECTION) == 0
           && (read_register(registers, port + PORT_SCTL) & DETECTION) == 0
           && (!staggered || read_register(registers, port + PORT_CMD) & PORT_CMD_SPIN_UP);
}

bool ahci_registers_say_empty(const volatile uint32_t *registers, size_t size_bytes)
{
    if (size_bytes < PORT(1))
        return false;
    uint32_t cap = read_register(registers, CAP),
             ports = read_register(registers, PORTS_IMPLEMENTED);
    if (cap == ABSENT || ports == 0 || !(read_register(registers, GHC) & GHC_AHCI_ENABLED))
        return false;
    for (size_t n = 0; n < 32; n++)
        if (ports & 1U << n
            && (PORT(n + 1) > size_bytes
                || !port_is_empty(registers, PORT(n), cap & CAP_STAGGERED_SPIN_UP)))
            return false;
    return true;
}

static bool answers_memory(const char *device)
{
    char path[300];
    uint16_t command = 0;
    snprintf(path, sizeof path, "%s/config", device);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && pread(fd, &command, sizeof command, PCI_COMMAND) == sizeof command
           && command & PCI_COMMAND_MEMORY;
}

static bool is_ahci(const char *device)
{
    char path[300];
    struct error ignored;
    _cleanup_str_ struct str text = { 0 };
    snprintf(path, sizeof path, "%s/class", device);
    return fd_read_file(AT_FDCWD, path, 64, &text, &ignored) == 0
           && str_starts(str_text(&text), CLASS_AHCI);
}

bool ahci_is_empty(const char *device)
{
    char path[300];
    struct stat st;
    if (!is_ahci(device) || !answers_memory(device))
        return false;
    snprintf(path, sizeof path, "%s/resource5", device);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_SYNC | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < PORT(1))
        return false;
    size_t size = (size_t)st.st_size;
    void *registers = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (registers == MAP_FAILED) /* a locked down kernel */
        return false;
    bool empty = ahci_registers_say_empty(registers, size);
    munmap(registers, size);
    return empty;
}
