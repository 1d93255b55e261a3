/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes variables of UEFI firmware that turn Secure Boot on, with a key of ours. */
#ifndef FERRY_HOST_QEMU_UEFI_KEYS_H
#define FERRY_HOST_QEMU_UEFI_KEYS_H

#include <glib.h>

/*
 * Returns a copy of TEMPLATE, the contents of OVMF's empty variable store, in which CERTIFICATE
 * (X.509 in DER) is PK, KEK and db. The caller unrefs it. NULL and ERROR if TEMPLATE is no such
 * store.
 */
GBytes *uefi_enroll(GBytes *template, GBytes *certificate, GError **error);

#endif
