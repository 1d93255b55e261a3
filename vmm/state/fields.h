/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names for the parts of values. */
#ifndef VMM_STATE_FIELDS_H
#define VMM_STATE_FIELDS_H

#include "piece.h"

/* The structures of our own pieces; all others are KVM's. */
struct state_time {
	uint64_t monotonic_ns, realtime_ns; /* CLOCK_MONOTONIC and CLOCK_REALTIME */
};

struct state_tsc_khz {
	uint64_t khz;
};

struct state_tsc {
	uint64_t has_offset; /* 1 if KVM gives and takes it; else VALUE is restored */
	uint64_t offset;     /* to the host's TSC */
	uint64_t value;	     /* when it was saved */
};

struct state_smm {
	uint8_t smm, pending, inside_nmi, latched_init;
};

extern const struct field time_fields[], tsc_khz_fields[], tsc_fields[], smm_fields[];
extern const struct field clock_fields[], regs_fields[], sregs_fields[], sregs2_fields[];
extern const struct field xcrs_fields[], xsave_fields[], debugregs_fields[], events_fields[];
extern const struct field lapic_fields[], mp_state_fields[];
extern const struct field pic_fields[], ioapic_fields[], pit_fields[];
/* The header before the VMCS or VMCB in "nested". */
extern const struct field nested_vmx_fields[], nested_svm_fields[];
/* From the beginning of the VMCS or VMCB on: fields-nested.c. */
extern const struct field vmcs12_fields[], vmcb12_control_fields[], vmcb12_vmexit_fields[];

#endif
