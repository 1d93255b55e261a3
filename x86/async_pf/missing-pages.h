/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU that writes many pages during an action, and keeps a list of the tokens by which KVM says
 * that a page is not present. What may go wrong is in async_pf.c.
 */
#ifndef X86_ASYNC_PF_MISSING_PAGES_H
#define X86_ASYNC_PF_MISSING_PAGES_H

#include "kvm-para.h"

/*
 * The body of a test that needs ASYNC_PF, on the calling CPU. `options` are those of
 * async_pf_enable(). Requests an action, writes pages in turn meanwhile, and checks that each page
 * holds what was written last and that each token has come back.
 *
 * `with_open_tokens`, which may be NULL, is called whenever KVM has just reported further pages as
 * not present, so that their tokens are open. It prints nothing, and takes microseconds.
 *
 * Returns how many page faults had a token.
 */
u32 write_missing_pages(u64 options, void (*with_open_tokens)(void));

#endif
