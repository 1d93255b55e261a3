/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This CPU's local APIC, in xAPIC or x2APIC mode (apic_read and apic_write take
 * the xAPIC's register offsets in both). All CPUs start in xAPIC mode, with the
 * LVTs masked and the priority at 0, or in x2APIC mode if an APIC id needs it.
 */
#ifndef X86_APIC_H
#define X86_APIC_H

#include "apic-defs.h"
#include "processor.h"

u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
/* command: APIC_DM_*, vector and so on; destination: an APIC id. */
void apic_icr_write(u32 command, u32 destination);
u32 apic_id(void);
void eoi(void);

/* Bit n of the 256 in ISR, TMR or IRR: for `reg` APIC_ISR, APIC_TMR, APIC_IRR. */
bool apic_read_bit(u32 reg, int n);

u8 apic_get_tpr(void);
void apic_set_tpr(u8 priority);

bool is_x2apic_enabled(void);
/* Each leaves the APIC working, its LVTs masked, in the mode named. */
void enable_xapic(void);
/* Returns false, and changes nothing, on a CPU without x2APIC. */
bool enable_x2apic(void);
/* No local APIC at all, until one of the above. */
void disable_apic(void);

/* Interprocessor interrupts. */
void apic_send_ipi(int cpu, u8 vector);
void apic_send_nmi(int cpu);
void apic_send_self_ipi(u8 vector);
void apic_send_ipi_all_but_self(u8 vector);

/*
 * The timer, counting at full bus speed. mode is APIC_LVT_TIMER_ONESHOT,
 * _PERIODIC or _TSCDEADLINE; in the last, arm it with apic_arm_deadline().
 */
void apic_setup_timer(u8 vector, u32 mode);
/*
 * Arms it for a TSC, and gives the TSC before which its interrupt is early even by a host
 * that emulates it with a timer of its own (docs/findings.md, "A TSC deadline can be early").
 */
u64 apic_arm_deadline(u64 deadline);
void apic_start_timer(u32 count);
void apic_stop_timer(void);
void apic_cleanup_timer(void);
/*
 * Its frequency, measured in the first call against the time source of deadline.h;
 * a timer that is running at that moment is stopped.
 */
u64 apic_timer_hz(void);

/* The two 8259s, which no guest here uses. */
void mask_pic_interrupts(void);

#endif
