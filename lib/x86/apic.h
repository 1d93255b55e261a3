/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This CPU's local APIC, in xAPIC or x2APIC mode. apic_read() and apic_write() take the xAPIC's
 * register offsets in both modes. All CPUs begin in xAPIC mode, or in x2APIC mode if an APIC id is
 * 255 or more, with the LVTs masked and TPR 0.
 */
#ifndef X86_APIC_H
#define X86_APIC_H

#include "apic-defs.h"
#include "processor.h"

u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
/* `command` is APIC_DM_*, the vector and so on; `destination` is an APIC id. */
void apic_icr_write(u32 command, u32 destination);
u32 apic_id(void);
void eoi(void);

/* The bit of vector n. `reg` is APIC_ISR, APIC_TMR or APIC_IRR. */
bool apic_read_bit(u32 reg, int n);

u8 apic_get_tpr(void);
void apic_set_tpr(u8 priority);

bool is_x2apic_enabled(void);
/* Enable the APIC in xAPIC or in x2APIC mode, with the LVTs masked and TPR 0. */
void enable_xapic(void);
/* On a CPU without x2APIC this returns false and changes nothing. */
bool enable_x2apic(void);
/* Disables the APIC in IA32_APIC_BASE, until one of the above is called. */
void disable_apic(void);

/* Send interprocessor interrupts. `cpu` is a number as in smp.h, not an APIC id. */
void apic_send_ipi(int cpu, u8 vector);
void apic_send_nmi(int cpu);
void apic_send_self_ipi(u8 vector);
void apic_send_ipi_all_but_self(u8 vector);

/*
 * Sets the timer up, with divider 1. `mode` is APIC_LVT_TIMER_ONESHOT or _PERIODIC, which
 * apic_start_timer() starts, or _TSCDEADLINE, which apic_arm_deadline() arms.
 */
void apic_setup_timer(u8 vector, u32 mode);
/*
 * Arms the timer for the TSC value `deadline`. A host that emulates the timer may be a little early
 * (docs/findings.md, "KVM: a TSC deadline can be early"): returns the TSC value before which an
 * interrupt is certainly too early.
 */
u64 apic_arm_deadline(u64 deadline);
void apic_start_timer(u32 count);
void apic_stop_timer(void);
void apic_cleanup_timer(void);
/*
 * The timer's frequency in Hz. The first call measures it against the time source of deadline.h,
 * and stops the timer if it runs.
 */
u64 apic_timer_hz(void);

/* Masks all interrupts of the two 8259A controllers. */
void mask_pic_interrupts(void);

#endif
