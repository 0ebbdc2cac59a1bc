/* SPDX-License-Identifier: Apache-2.0 */
/* See memory.h; a fault of a page that is in the page cache costs less than a microsecond. */
#include "agent/memory.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of jemalloc; builds with sanitizers have another allocator. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
	__attribute__((weak));

void memory_thread_start(void)
{
	bool on = true;

	if (mallctl)
		mallctl("background_thread", NULL, NULL, &on, sizeof(on));
}

/* Segments that nobody can have written to, so all of their pages are those of the file. */
static int forget(struct dl_phdr_info *object, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + p->p_vaddr, to = from + p->p_filesz;

		from &= ~(page - 1);
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && to > from)
			madvise((void *)from, align_up(to - from, page), MADV_DONTNEED);
	}
	return 0;
}

void memory_forget_code(void)
{
	dl_iterate_phdr(forget, NULL);
}
