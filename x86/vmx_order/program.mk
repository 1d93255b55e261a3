# SPDX-License-Identifier: GPL-2.0-or-later
vmx_order_links := x86/nested/steps.c
