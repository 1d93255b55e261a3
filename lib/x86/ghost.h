/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ghosts: interrupts that nobody has sent. If QEMU's TCG emulates the CPU that KVM runs on, it may
 * deliver an interrupt twice that KVM injects once (docs/findings.md, "Emulated CPUs"). A local
 * APIC sets a vector's bit in its in-service register when it delivers an interrupt, and a CPU
 * takes none while RFLAGS.IF is clear (Intel SDM volume 3, "Handling Interrupts with the Local
 * APIC" and "Masking Maskable Hardware Interrupts"). So a ghost is an interrupt that is not in
 * service, or comes while interrupts are off. A ghost that comes after its handler has set IF and
 * before it sends EOI cannot be told from an interrupt.
 *
 * On an emulated CPU handlers do not get ghosts, and each test reports how many there were. On any
 * other CPU handlers get them, and the test fails.
 */
#ifndef X86_GHOST_H
#define X86_GHOST_H

#include "libcflat.h"

struct ex_regs;

/* Asks CPUID whether the CPU is emulated. With break=emulated it counts as a real one. */
void ghost_init(void);

/*
 * For handlers set by handle_irq_any(): these tell whether the handler has to ignore an interrupt,
 * without an EOI, and count it if it is a ghost. Call one of them once for each interrupt. For
 * handlers set by handle_irq() and handle_irq_eoi() the library has called ghost_drop() already.
 */
bool ghost_drop(const struct ex_regs *regs);
/* For an interrupt that may be in service without coming from the local APIC just now: INT n. */
bool ghost_drop_out_of_service(const struct ex_regs *regs);
/* For an interrupt that need not be in service. */
bool ghost_drop_uncalled(const struct ex_regs *regs);
/*
 * For an interrupt of the 8259A controllers, which deliver none twice before its EOI. IN_SERVICE:
 * the handler has had this interrupt already and has not sent EOI since.
 */
bool ghost_drop_repeated(const struct ex_regs *regs, bool in_service);

/* At the end of a test: reports ghosts since the last call. On a real CPU the test fails. */
void ghost_report(void);

#endif
