/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables of UEFI firmware in which Secure Boot is on, with a key of ours. */
#ifndef FERRY_HOST_QEMU_UEFI_KEYS_H
#define FERRY_HOST_QEMU_UEFI_KEYS_H

#include <glib.h>

/*
 * Returns a copy of TEMPLATE, the contents of OVMF's empty variable store, with CERTIFICATE, an
 * X.509 one in DER, as PK, KEK and db. The caller unrefs it. NULL and ERROR if TEMPLATE is
 * something else.
 */
GBytes *uefi_enroll(GBytes *template, GBytes *certificate, GError **error);

#endif
