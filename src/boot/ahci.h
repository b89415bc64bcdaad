/* ahci.h - SATA controllers without a disk. Many machines have one; its driver costs a third of a second, most of it waiting for
 * answers on empty ports, and udev loads it anyway, a little later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the PCI device is an AHCI controller that firmware has set up and found nothing at: "/sys/bus/pci/devices/0000:00:1f.2".
 * False whenever that is not certain. */
bool ahci_is_empty(const char *device);
/* The same for the controller's registers. Exposed for its test. */
bool ahci_registers_say_empty(const volatile uint32_t *registers, size_t size_bytes);
