/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables that guests look for: RSDP, RSDT, FADT (with the PM timer) and MADT. ACPI
 * Specification 6.5, chapter 5.2.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include "memory.h"

#define PM_TIMER_PORT 0x608

/* Writes the tables for CPUS vCPUs, whose APIC ids count from 0, below 1 MiB. */
void acpi_write(const struct memory *memory, unsigned cpus);

#endif
