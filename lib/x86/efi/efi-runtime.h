/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UEFI's runtime services (UEFI Specification 2.10, chapter 8), called in physical mode: what they
 * need is identity mapped. Only one CPU may call them at a time (8.1).
 */
#ifndef X86_EFI_RUNTIME_H
#define X86_EFI_RUNTIME_H

#include "libcflat.h"

typedef u64 efi_status;

#define EFI_ERROR_BIT	     BIT(63)
#define EFI_SUCCESS	     0ul
#define EFI_NOT_FOUND	     (EFI_ERROR_BIT | 14)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR_BIT | 5)

struct efi_guid {
	u32 a;
	u16 b, c;
	u8 d[8];
};

/* 8.3, EFI_TIME */
struct efi_time {
	u16 year;
	u8 month, day, hour, minute, second, pad1;
	u32 nanosecond;
	s16 time_zone;
	u8 daylight, pad2;
};

/* 8.2, Variable Services */
#define EFI_VARIABLE_NON_VOLATILE	BIT(0)
#define EFI_VARIABLE_BOOTSERVICE_ACCESS BIT(1)
#define EFI_VARIABLE_RUNTIME_ACCESS	BIT(2)

#define EFI_CALL __attribute__((ms_abi))

/* 4.5, EFI_RUNTIME_SERVICES, as far as guests use it */
struct efi_runtime_services {
	u64 signature;
	u32 revision, header_size, crc32, reserved;
	EFI_CALL efi_status (*get_time)(struct efi_time *time, void *capabilities);
	void *set_time, *get_wakeup_time, *set_wakeup_time;
	EFI_CALL efi_status (*set_virtual_address_map)(u64 size, u64 descriptor_size, u32 version,
						       void *map);
	void *convert_pointer;
	EFI_CALL efi_status (*get_variable)(const u16 *name, const struct efi_guid *vendor,
					    u32 *attributes, u64 *size, void *data);
	EFI_CALL efi_status (*get_next_variable_name)(u64 *size, u16 *name,
						      struct efi_guid *vendor);
	EFI_CALL efi_status (*set_variable)(const u16 *name, const struct efi_guid *vendor,
					    u32 attributes, u64 size, const void *data);
};

#define EFI_RUNTIME_SERVICES_SIGNATURE 0x56524553544e5552ul /* "RUNTSERV" */

/* The services, ready to be called; NULL without UEFI. */
const struct efi_runtime_services *efi_runtime(void);

/* For the library: remembers where the services are. */
void efi_runtime_read(u64 system_table);

#endif
