/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables that guests look for: RSDP, RSDT, FADT (with the PM timer) and MADT. ACPI
 * Specification 6.5, chapter 5.2.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include "memory.h"
#include "vm.h"

#define PM_TIMER_PORT 0x608

/*
 * Writes the tables for a guest of SHAPE below 1 MiB. The APIC ids of its vCPUs count from 0. The
 * MADT has PICs and IOAPIC only if KVM emulates them.
 */
void acpi_write(const struct memory *memory, const struct vm_shape *shape);

#endif
