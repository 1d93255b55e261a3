// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See fields.h. Structures: asm/kvm.h and linux/kvm.h. LAPIC registers: Intel SDM volume 3, table
 * "Local APIC Register Address Map". XSAVE area: SDM volume 1, "XSAVE Area".
 */
#include "fields.h"

#define SIZE_OF(structure, member) sizeof(((struct structure *)0)->member)
/* MEMBER, called NAME. */
#define FIELD(structure, member, name)                                                             \
	{                                                                                          \
		name, offsetof(struct structure, member), SIZE_OF(structure, member), 0            \
	}
/* An array. */
#define FIELDS(structure, member, name)                                                            \
	{                                                                                          \
		name, offsetof(struct structure, member), SIZE_OF(structure, member[0]),           \
			SIZE_OF(structure, member) / SIZE_OF(structure, member[0])                 \
	}

const struct field time_fields[] = {
	FIELD(state_time, monotonic_ns, "monotonic"),
	FIELD(state_time, realtime_ns, "realtime"),
	{ 0 },
};

const struct field tsc_khz_fields[] = {
	FIELD(state_tsc_khz, khz, "khz"),
	{ 0 },
};

const struct field tsc_fields[] = {
	FIELD(state_tsc, has_offset, "has_offset"),
	FIELD(state_tsc, offset, "offset"),
	FIELD(state_tsc, value, "value"),
	{ 0 },
};

const struct field smm_fields[] = {
	FIELD(state_smm, smm, "smm"),
	FIELD(state_smm, pending, "smi_pending"),
	FIELD(state_smm, inside_nmi, "smm_inside_nmi"),
	FIELD(state_smm, latched_init, "latched_init"),
	{ 0 },
};

const struct field clock_fields[] = {
	FIELD(kvm_clock_data, clock, "clock"),
	FIELD(kvm_clock_data, flags, "flags"),
	FIELD(kvm_clock_data, realtime, "realtime"),
	FIELD(kvm_clock_data, host_tsc, "host_tsc"),
	{ 0 },
};

#define REGISTER(name) FIELD(kvm_regs, name, #name)

const struct field regs_fields[] = {
	REGISTER(rax), REGISTER(rbx), REGISTER(rcx),	REGISTER(rdx), REGISTER(rsi),
	REGISTER(rdi), REGISTER(rsp), REGISTER(rbp),	REGISTER(r8),  REGISTER(r9),
	REGISTER(r10), REGISTER(r11), REGISTER(r12),	REGISTER(r13), REGISTER(r14),
	REGISTER(r15), REGISTER(rip), REGISTER(rflags), { 0 },
};

#define SEGMENT(structure, segment)                                                                \
	FIELD(structure, segment.base, #segment ".base"),                                          \
		FIELD(structure, segment.limit, #segment ".limit"),                                \
		FIELD(structure, segment.selector, #segment ".selector"),                          \
		FIELD(structure, segment.type, #segment ".type"),                                  \
		FIELD(structure, segment.present, #segment ".present"),                            \
		FIELD(structure, segment.dpl, #segment ".dpl"),                                    \
		FIELD(structure, segment.db, #segment ".db"),                                      \
		FIELD(structure, segment.s, #segment ".s"),                                        \
		FIELD(structure, segment.l, #segment ".l"),                                        \
		FIELD(structure, segment.g, #segment ".g"),                                        \
		FIELD(structure, segment.avl, #segment ".avl"),                                    \
		FIELD(structure, segment.unusable, #segment ".unusable")

/* The fields that KVM_GET_SREGS and KVM_GET_SREGS2 have in common. */
#define SREGS(structure)                                                                           \
	SEGMENT(structure, cs), SEGMENT(structure, ds), SEGMENT(structure, es),                    \
		SEGMENT(structure, fs), SEGMENT(structure, gs), SEGMENT(structure, ss),            \
		SEGMENT(structure, tr), SEGMENT(structure, ldt),                                   \
		FIELD(structure, gdt.base, "gdt.base"), FIELD(structure, gdt.limit, "gdt.limit"),  \
		FIELD(structure, idt.base, "idt.base"), FIELD(structure, idt.limit, "idt.limit"),  \
		FIELD(structure, cr0, "cr0"), FIELD(structure, cr2, "cr2"),                        \
		FIELD(structure, cr3, "cr3"), FIELD(structure, cr4, "cr4"),                        \
		FIELD(structure, cr8, "cr8"), FIELD(structure, efer, "efer"),                      \
		FIELD(structure, apic_base, "apic_base")

const struct field sregs_fields[] = {
	SREGS(kvm_sregs),
	FIELDS(kvm_sregs, interrupt_bitmap, "interrupt_bitmap"),
	{ 0 },
};

const struct field sregs2_fields[] = {
	SREGS(kvm_sregs2),
	FIELD(kvm_sregs2, flags, "flags"),
	FIELDS(kvm_sregs2, pdptrs, "pdptr"),
	{ 0 },
};

const struct field xcrs_fields[] = {
	FIELD(kvm_xcrs, nr_xcrs, "nr_xcrs"),
	FIELD(kvm_xcrs, xcrs[0].xcr, "xcr"),
	FIELD(kvm_xcrs, xcrs[0].value, "xcr0"),
	{ 0 },
};

const struct field xsave_fields[] = {
	{ "fcw", 0, 2, 0 },	     { "fsw", 2, 2, 0 },
	{ "ftw", 4, 1, 0 },	     { "fop", 6, 2, 0 },
	{ "fip", 8, 8, 0 },	     { "fdp", 16, 8, 0 },
	{ "mxcsr", 24, 4, 0 },	     { "mxcsr_mask", 28, 4, 0 },
	{ "st", 32, 16, 8 },	     { "xmm", 160, 16, 16 },
	{ "xstate_bv", 512, 8, 0 },  { "xcomp_bv", 520, 8, 0 },
	{ "ymm_high", 576, 16, 16 }, { 0 },
};

const struct field debugregs_fields[] = {
	FIELDS(kvm_debugregs, db, "dr"),
	FIELD(kvm_debugregs, dr6, "dr6"),
	FIELD(kvm_debugregs, dr7, "dr7"),
	FIELD(kvm_debugregs, flags, "flags"),
	{ 0 },
};

const struct field events_fields[] = {
	FIELD(kvm_vcpu_events, exception.injected, "exception.injected"),
	FIELD(kvm_vcpu_events, exception.nr, "exception.nr"),
	FIELD(kvm_vcpu_events, exception.has_error_code, "exception.has_error_code"),
	FIELD(kvm_vcpu_events, exception.pending, "exception.pending"),
	FIELD(kvm_vcpu_events, exception.error_code, "exception.error_code"),
	FIELD(kvm_vcpu_events, interrupt.injected, "interrupt.injected"),
	FIELD(kvm_vcpu_events, interrupt.nr, "interrupt.nr"),
	FIELD(kvm_vcpu_events, interrupt.soft, "interrupt.soft"),
	FIELD(kvm_vcpu_events, interrupt.shadow, "interrupt.shadow"),
	FIELD(kvm_vcpu_events, nmi.injected, "nmi.injected"),
	FIELD(kvm_vcpu_events, nmi.pending, "nmi.pending"),
	FIELD(kvm_vcpu_events, nmi.masked, "nmi.masked"),
	FIELD(kvm_vcpu_events, sipi_vector, "sipi_vector"),
	FIELD(kvm_vcpu_events, flags, "flags"),
	FIELD(kvm_vcpu_events, smi.smm, "smi.smm"),
	FIELD(kvm_vcpu_events, smi.pending, "smi.pending"),
	FIELD(kvm_vcpu_events, smi.smm_inside_nmi, "smi.smm_inside_nmi"),
	FIELD(kvm_vcpu_events, smi.latched_init, "smi.latched_init"),
	FIELD(kvm_vcpu_events, triple_fault.pending, "triple_fault.pending"),
	FIELD(kvm_vcpu_events, exception_has_payload, "exception_has_payload"),
	FIELD(kvm_vcpu_events, exception_payload, "exception_payload"),
	{ 0 },
};

/* Each register has 16 bytes, of which the first 4 count. */
const struct field lapic_fields[] = {
	{ "ID", 0x20, 4, 0 },
	{ "VERSION", 0x30, 4, 0 },
	{ "TPR", 0x80, 4, 0 },
	{ "APR", 0x90, 4, 0 },
	{ "PPR", 0xa0, 4, 0 },
	{ "EOI", 0xb0, 4, 0 },
	{ "RRD", 0xc0, 4, 0 },
	{ "LDR", 0xd0, 4, 0 },
	{ "DFR", 0xe0, 4, 0 },
	{ "SVR", 0xf0, 4, 0 },
	{ "ISR0", 0x100, 4, 0 },
	{ "ISR1", 0x110, 4, 0 },
	{ "ISR2", 0x120, 4, 0 },
	{ "ISR3", 0x130, 4, 0 },
	{ "ISR4", 0x140, 4, 0 },
	{ "ISR5", 0x150, 4, 0 },
	{ "ISR6", 0x160, 4, 0 },
	{ "ISR7", 0x170, 4, 0 },
	{ "TMR0", 0x180, 4, 0 },
	{ "TMR1", 0x190, 4, 0 },
	{ "TMR2", 0x1a0, 4, 0 },
	{ "TMR3", 0x1b0, 4, 0 },
	{ "TMR4", 0x1c0, 4, 0 },
	{ "TMR5", 0x1d0, 4, 0 },
	{ "TMR6", 0x1e0, 4, 0 },
	{ "TMR7", 0x1f0, 4, 0 },
	{ "IRR0", 0x200, 4, 0 },
	{ "IRR1", 0x210, 4, 0 },
	{ "IRR2", 0x220, 4, 0 },
	{ "IRR3", 0x230, 4, 0 },
	{ "IRR4", 0x240, 4, 0 },
	{ "IRR5", 0x250, 4, 0 },
	{ "IRR6", 0x260, 4, 0 },
	{ "IRR7", 0x270, 4, 0 },
	{ "ESR", 0x280, 4, 0 },
	{ "LVT_CMCI", 0x2f0, 4, 0 },
	{ "ICR_LOW", 0x300, 4, 0 },
	{ "ICR_HIGH", 0x310, 4, 0 },
	{ "LVT_TIMER", 0x320, 4, 0 },
	{ "LVT_THERMAL", 0x330, 4, 0 },
	{ "LVT_PERFORMANCE", 0x340, 4, 0 },
	{ "LVT_LINT0", 0x350, 4, 0 },
	{ "LVT_LINT1", 0x360, 4, 0 },
	{ "LVT_ERROR", 0x370, 4, 0 },
	{ "INITIAL_COUNT", 0x380, 4, 0 },
	{ "CURRENT_COUNT", 0x390, 4, 0 },
	{ "DIVIDE", 0x3e0, 4, 0 },
	{ "SELF_IPI", 0x3f0, 4, 0 },
	{ 0 },
};

const struct field mp_state_fields[] = {
	FIELD(kvm_mp_state, mp_state, "mp_state"),
	{ 0 },
};

#define PIC(member) FIELD(kvm_irqchip, chip.pic.member, #member)

const struct field pic_fields[] = {
	PIC(last_irr),
	PIC(irr),
	PIC(imr),
	PIC(isr),
	PIC(priority_add),
	PIC(irq_base),
	PIC(read_reg_select),
	PIC(poll),
	PIC(special_mask),
	PIC(init_state),
	PIC(auto_eoi),
	PIC(rotate_on_auto_eoi),
	PIC(special_fully_nested_mode),
	PIC(init4),
	PIC(elcr),
	PIC(elcr_mask),
	{ 0 },
};

const struct field ioapic_fields[] = {
	FIELD(kvm_irqchip, chip.ioapic.base_address, "base_address"),
	FIELD(kvm_irqchip, chip.ioapic.ioregsel, "ioregsel"),
	FIELD(kvm_irqchip, chip.ioapic.id, "id"),
	FIELD(kvm_irqchip, chip.ioapic.irr, "irr"),
	FIELDS(kvm_irqchip, chip.ioapic.redirtbl, "redirection"),
	{ 0 },
};

#define PIT_CHANNEL(n)                                                                             \
	FIELD(kvm_pit_state2, channels[n].count, "channel" #n ".count"),                           \
		FIELD(kvm_pit_state2, channels[n].latched_count, "channel" #n ".latched_count"),   \
		FIELD(kvm_pit_state2, channels[n].count_latched, "channel" #n ".count_latched"),   \
		FIELD(kvm_pit_state2, channels[n].status_latched, "channel" #n ".status_latched"), \
		FIELD(kvm_pit_state2, channels[n].status, "channel" #n ".status"),                 \
		FIELD(kvm_pit_state2, channels[n].read_state, "channel" #n ".read_state"),         \
		FIELD(kvm_pit_state2, channels[n].write_state, "channel" #n ".write_state"),       \
		FIELD(kvm_pit_state2, channels[n].write_latch, "channel" #n ".write_latch"),       \
		FIELD(kvm_pit_state2, channels[n].rw_mode, "channel" #n ".rw_mode"),               \
		FIELD(kvm_pit_state2, channels[n].mode, "channel" #n ".mode"),                     \
		FIELD(kvm_pit_state2, channels[n].bcd, "channel" #n ".bcd"),                       \
		FIELD(kvm_pit_state2, channels[n].gate, "channel" #n ".gate"),                     \
		FIELD(kvm_pit_state2, channels[n].count_load_time,                                 \
		      "channel" #n ".count_load_time")

const struct field pit_fields[] = {
	PIT_CHANNEL(0), PIT_CHANNEL(1), PIT_CHANNEL(2), FIELD(kvm_pit_state2, flags, "flags"),
	{ 0 },
};

#define NESTED(member, name) FIELD(kvm_nested_state, member, name)

const struct field nested_vmx_fields[] = {
	NESTED(flags, "flags"),
	NESTED(format, "format"),
	NESTED(size, "size"),
	NESTED(hdr.vmx.vmxon_pa, "vmxon_pa"),
	NESTED(hdr.vmx.vmcs12_pa, "vmcs12_pa"),
	NESTED(hdr.vmx.smm.flags, "smm.flags"),
	NESTED(hdr.vmx.flags, "vmx.flags"),
	NESTED(hdr.vmx.preemption_timer_deadline, "preemption_timer_deadline"),
	{ 0 },
};

const struct field nested_svm_fields[] = {
	NESTED(flags, "flags"),
	NESTED(format, "format"),
	NESTED(size, "size"),
	NESTED(hdr.svm.vmcb_pa, "vmcb_pa"),
	{ 0 },
};
