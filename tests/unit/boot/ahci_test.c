#include "check.h"

#include "base/macros.h"
#include "boot/ahci.h"

#define WORDS 0x400
#define AT(offset) ((offset) / 4)

static void set_up(uint32_t *registers)
{
    memset(registers, 0, WORDS * sizeof *registers);
    registers[AT(0x04)] = 0x80000000;
    registers[AT(0x0C)] = 0x3F;
}

static void ahci_registers__tell_empty_controllers(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint32_t value;
        bool want;
    } cases[] = {
        { "nothing on any port", 0x2C0, 0, true },
        { "a disk on port 5", 0x100 + 5 * 0x80 + 0x28, 0x123, false },
        { "a disk that does not talk yet", 0x100 + 0x28, 0x1, false },
        { "a disk on a port that is not wired", 0x100 + 6 * 0x80 + 0x28, 0x123, true },
        { "a port that was switched off", 0x100 + 0x2C, 0x4, false },
        { "disks that may not have been spun up", 0x00, 1U << 27, false },
        { "firmware that left it alone", 0x04, 0, false },
        { "no ports", 0x0C, 0, false },
        { "no answer", 0x00, UINT32_MAX, false },
    };
    uint32_t registers[WORDS];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up(registers);
        registers[AT(cases[i].at)] = cases[i].value;
        CHECK(ahci_registers_say_empty(registers, sizeof registers) == cases[i].want, "%s",
            cases[i].name);
    }
    set_up(registers);
    CHECK(!ahci_registers_say_empty(registers, 0x200), "ports beyond the window");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ahci_registers__tell_empty_controllers) };
    return cmocka_run_group_tests_name("boot/ahci", tests, NULL, NULL);
}
